import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltPackage, buildPackage, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

/** Every path below a directory with what it is; what a package cache adds is left out. */
function tree(root: string, below = ""): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const name of readdirSync(join(root, below))) {
    const path = below ? `${below}/${name}` : name;
    const stat = lstatSync(join(root, path));
    if (path === "info/repodata_record.json") continue;
    if (stat.isDirectory()) Object.assign(found, tree(root, path));
    else if (stat.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(root, path))}`;
    else found[path] = [readFileSync(join(root, path), "latin1"), stat.mode & 0o777, stat.mtimeMs];
  }
  return found;
}

describe("package", () => {
  let sandbox: Sandbox;
  let built: BuiltPackage;
  const path = (...parts: string[]) => join(sandbox.dir, ...parts);

  beforeAll(async () => {
    sandbox = createSandbox();
    built = await buildPackage({
      name: "lib",
      version: "1.0",
      noarch: "generic",
      files: [
        { path: "bin/lib", content: "#!/bin/sh\necho lib\n", mode: 0o755 },
        { path: `${"share/a-very-long-name/".repeat(6)}file.txt`, content: "x".repeat(5000) },
        { path: "share/link", symlink: "../bin/lib" },
        { path: "share/empty", content: "" },
      ],
    });
    writeFileSync(path(built.fn), built.bytes);
    const original = await sandbox.taipan("package", "extract", built.fn, "original");
    expect(original.code, original.stderr).toBe(0);
  });

  afterAll(() => sandbox.close());

  it("extracts an archive, beside it or elsewhere, but over nothing", async () => {
    const result = await sandbox.taipan("package", "extract", built.fn, "--json");
    expect(result.json()).toMatchObject({ success: true, path: path("lib-1.0-0") });
    const files = tree(path("lib-1.0-0"));
    expect(files["bin/lib"]).toEqual(["#!/bin/sh\necho lib\n", 0o755, 0]);
    expect(files["share/link"]).toBe("-> ../bin/lib");
    await sandbox.taipan("package", "extract", built.fn, "elsewhere");
    expect(tree(path("elsewhere"))).toEqual(files);
    const again = await sandbox.taipan("package", "extract", built.fn, "elsewhere");
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("elsewhere")]);
    expect(tree(path("elsewhere"))).toEqual(files);
  });

  it("makes an archive that installs like the original", async () => {
    writeFileSync(path("original", "info", "repodata_record.json"), "{}");
    mkdirSync(path("out"));
    for (const fn of ["lib-1.0-0.conda", "lib-1.0-0.tar.bz2"]) {
      const result = await sandbox.taipan("package", "compress", "original", `out/${fn}`, "-c", "3");
      expect([result.code, result.stderr]).toEqual([0, expect.stringContaining(fn)]);
      await sandbox.taipan("package", "extract", `out/${fn}`, `out/from-${fn}`);
      expect(tree(path("out", `from-${fn}`))).toEqual(tree(path("original")));
      const prefix = path(`env-${fn}`);
      const made = await sandbox.taipan("create", "-p", prefix, `./out/${fn}`, "-y", "-q");
      expect([made.code, readFileSync(join(prefix, "bin/lib"), "utf8")]).toEqual([
        0,
        "#!/bin/sh\necho lib\n",
      ]);
    }
  });

  it("converts both ways without a loss, the same way each time", async () => {
    const there = await sandbox.taipan("package", "transmute", built.fn, "--json");
    expect(there.json()).toMatchObject({ path: path("lib-1.0-0.tar.bz2") });
    const first = readFileSync(path("lib-1.0-0.tar.bz2"));
    await sandbox.taipan("package", "transmute", "lib-1.0-0.tar.bz2");
    await sandbox.taipan("package", "extract", "lib-1.0-0.conda", "back");
    expect(tree(path("back"))).toEqual(tree(path("original")));
    await sandbox.taipan("package", "transmute", "lib-1.0-0.conda");
    expect(readFileSync(path("lib-1.0-0.tar.bz2")).equals(first)).toBe(true);
    expect(readdirSync(sandbox.dir).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("refuses what is no package", async () => {
    mkdirSync(path("empty"));
    writeFileSync(path("bad-1-0.conda"), "no zip");
    for (const [args, said] of [
      [["compress", "empty", "empty-1-0.conda"], "info/index.json"],
      [["compress", "original", "lib.zip"], "lib.zip"],
      [["compress", "original", "x-1-0.tar.bz2", "-c", "12"], "level 12"],
      [["compress", "original"], "archive"],
      [["extract", "nowhere-1-0.conda"], "nowhere-1-0.conda"],
      [["extract", "bad-1-0.conda", "bad"], "zip"],
      [["transmute", "bad-1-0.conda"], "zip"],
    ] as const) {
      const result = await sandbox.taipan("package", ...args);
      expect(result.code, args.join(" ")).toBeGreaterThan(0);
      expect(result.stderr).toContain(said);
      expect(result.stderr).not.toContain("unexpected failure");
    }
    expect(readdirSync(sandbox.dir)).not.toContain("bad");
    expect(readdirSync(sandbox.dir)).not.toContain("bad-1-0.tar.bz2");
  });

  describe("constructor", () => {
    it("extracts the installer's packages with their origin and the channel's metadata", async () => {
      const prefix = path("installed");
      const other = await buildPackage({
        name: "other",
        version: "2",
        noarch: "generic",
        extraIndex: { license: "MIT" },
        depends: ["lib"],
        files: { "share/other": "2" },
        format: "tar.bz2",
      });
      await writeChannel(path("channel"), [built, other]);
      mkdirSync(join(prefix, "pkgs", "cache"), { recursive: true });
      for (const item of [built, other]) writeFileSync(join(prefix, "pkgs", item.fn), item.bytes);
      const base = "https://conda.example/chan/noarch";
      writeFileSync(
        join(prefix, "pkgs", "urls"),
        [built, other].map((item) => `${base}/${item.fn}#${item.record.md5}\n`).join(""),
      );
      const patched = {
        packages: { [other.fn]: { ...other.record, license: undefined, depends: ["lib <2"] } },
      };
      // The name that conda and mamba give the repodata of this subdir: the first digits of the md5 of its URL.
      writeFileSync(join(prefix, "pkgs", "cache", "0d74e75a.json"), JSON.stringify(patched));
      const names = await sandbox.taipan("constructor", "-p", prefix, "--extract-conda-pkgs", "--json");
      expect(names.json()).toEqual({ success: true, prefix, packages: ["lib-1.0-0", "other-2-0"] });
      const record = (dist: string) =>
        JSON.parse(readFileSync(join(prefix, "pkgs", dist, "info", "repodata_record.json"), "utf8"));
      expect(record("lib-1.0-0")).toMatchObject({
        name: "lib",
        url: `${base}/${built.fn}`,
        fn: built.fn,
        channel: "https://conda.example/chan",
        md5: built.record.md5,
        sha256: built.record.sha256,
        size: built.bytes.length,
        depends: [],
        constrains: [],
        subdir: "noarch",
      });
      // What the channel does not say, the package does.
      expect(record("other-2-0")).toMatchObject({
        depends: ["lib <2"],
        license: "MIT",
        md5: other.record.md5,
      });
      writeFileSync(
        join(prefix, "env.txt"),
        `@EXPLICIT\n${base}/${built.fn}#${built.record.md5}\n${base}/${other.fn}#${other.record.md5}\n`,
      );
      const made = await sandbox.taipanWith(
        { env: { MAMBA_ROOT_PREFIX: prefix } },
        "install",
        "--offline",
        "--file",
        join(prefix, "env.txt"),
        "-yp",
        prefix,
      );
      expect(made.code, made.stderr).toBe(0);
      expect(readFileSync(join(prefix, "share", "other"), "utf8")).toBe("2");
    });

    it("refuses an archive that is not the one of the list", async () => {
      const prefix = path("tampered");
      mkdirSync(join(prefix, "pkgs"), { recursive: true });
      writeFileSync(join(prefix, "pkgs", built.fn), built.bytes);
      writeFileSync(
        join(prefix, "pkgs", "urls"),
        `https://conda.example/chan/noarch/${built.fn}#${"0".repeat(32)}\n`,
      );
      const result = await sandbox.taipan("constructor", "-p", prefix, "--extract-conda-pkgs", "--json");
      expect([result.code, result.json().exception_name]).toEqual([1, "ChecksumMismatchError"]);
    });

    it("repeats digits that are no hash, and compares nothing with them", async () => {
      const prefix = path("digits");
      mkdirSync(join(prefix, "pkgs"), { recursive: true });
      writeFileSync(join(prefix, "pkgs", built.fn), built.bytes);
      writeFileSync(
        join(prefix, "pkgs", "urls"),
        `https://conda.example/chan/noarch/${built.fn}#123412341234\n`,
      );
      const result = await sandbox.taipan("constructor", "-p", prefix, "--extract-conda-pkgs", "--json");
      expect(result.code, result.stderr).toBe(0);
      const file = join(prefix, "pkgs", "lib-1.0-0", "info", "repodata_record.json");
      expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
        md5: "123412341234",
        sha256: built.record.sha256,
        url: `https://conda.example/chan/noarch/${built.fn}`,
      });
    });

    it("extracts a tarball from standard input into a prefix that has files", async () => {
      const prefix = path("tarball");
      mkdirSync(join(prefix, "share"), { recursive: true });
      writeFileSync(join(prefix, "share", "mine"), "mine");
      const bytes = (
        await buildPackage({
          name: "t",
          version: "1",
          noarch: "generic",
          format: "tar.bz2",
          files: { "share/theirs": "theirs" },
        })
      ).bytes;
      const result = await sandbox.taipanWith(
        { input: bytes as unknown as string },
        "constructor",
        "-p",
        prefix,
        "--extract-tarball",
      );
      expect(result.code, result.stderr).toBe(0);
      expect(readdirSync(join(prefix, "share")).sort()).toEqual(["mine", "theirs"]);
      expect(readdirSync(prefix).sort()).toEqual(["info", "share"]);
      const both = await sandbox.taipan("constructor", "-p", prefix);
      expect(both.code).toBe(2);
    });
  });
});
