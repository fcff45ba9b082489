import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, type PackageSpec, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV } from "../support/cli-world.ts";

/** What is said, how often, and whether it helps. */
let sandbox: Sandbox;
let channel: string[];

beforeAll(async () => {
  sandbox = createSandbox();
  const directory = join(sandbox.dir, "channel");
  const script = { path: "bin/.boom-post-link.sh", content: "echo boom >&2\nexit 3\n" };
  const packages: Partial<PackageSpec>[] = [
    { name: "first", files: [{ path: "share/both", content: "first\n" }] },
    { name: "second", files: [{ path: "share/both", content: "2nd\n" }] },
    { name: "boom", files: [script] },
    { name: "apple", depends: ["__osx >=11"] },
  ];
  mkdirSync(directory);
  await writeChannel(
    directory,
    await Promise.all(
      packages.map((spec) => buildPackage({ version: "1.0", subdir: "linux-64", ...spec } as PackageSpec)),
    ),
    { subdirs: ["linux-64"] },
  );
  channel = ["-c", pathToFileURL(directory).href, "--override-channels", "--yes"];
});
afterAll(() => sandbox.close());

const run = (...args: string[]) => sandbox.taipanWith({ env: FIXED_ENV }, ...args);
const count = (text: string, part: string): number => text.split(part).length - 1;

describe.skipIf(process.platform === "win32")("said once", () => {
  it("the output of a failing link script, and what became of the environment", async () => {
    for (const quiet of [[], ["--quiet"]]) {
      const { code, stderr } = await run("create", "-n", "x", "boom", ...channel, ...quiet);
      expect(code).toBe(1);
      expect(count(stderr, "boom\n")).toBe(1);
      expect(stderr).toContain("the environment is as it was before");
    }
  });

  it("that a file came back, which is no linking of a package", async () => {
    await run("create", "-n", "both", "first", "second", ...channel);
    const { stderr } = await run("remove", "-n", "both", "second", "--yes");
    expect(stderr).toContain("`share/both` is of `first-1.0-0` again\n");
    expect(stderr).toContain("Unlinked 1 package in");
  });

  it("that an entry of the package cache is damaged", async () => {
    await run("create", "-n", "mend", "first", ...channel);
    const entry = join(
      sandbox.root,
      "pkgs",
      readdirSync(join(sandbox.root, "pkgs")).find((n) => n === "first-1.0-0")!,
    );
    writeFileSync(join(entry, "share/both"), "longer than it was\n");
    rmSync(join(sandbox.root, "envs/mend/share/both"));
    const { code, stderr } = await run("verify", "-n", "mend", "--fix", "--yes");
    expect(code).toBe(0);
    expect(count(stderr, "is damaged and is replaced")).toBe(1);
  });
});

describe.skipIf(process.platform === "win32")("hints that help", () => {
  it("a package of another system is no matter of a variable", async () => {
    const { stderr } = await run("create", "-n", "x", "apple", ...channel);
    expect(stderr).toContain("hint: what needs `__osx` is for macOS; --platform osx-arm64 solves for that");
    expect(stderr).not.toContain("CONDA_OVERRIDE");
  });

  it("a program that is not there: the names like it, or how it would come", async () => {
    await run("create", "-n", "tools", "first", ...channel);
    mkdirSync(join(sandbox.root, "envs/tools/bin"), { recursive: true });
    writeFileSync(join(sandbox.root, "envs/tools/bin/fluter"), "", { mode: 0o755 });
    const near = await run("run", "-n", "tools", "flutter");
    expect([near.code, near.stderr]).toEqual([127, expect.stringContaining("hint: did you mean `fluter`?")]);
    expect((await run("run", "-n", "tools", "nosuchprog")).stderr).toMatch(
      /hint: .* has no such program: install/,
    );
  });

  it("files of other tools are refused by name, before anything is asked of a channel", async () => {
    writeFileSync(join(sandbox.dir, "reqs.txt"), "-r more.txt\nrequests\n");
    for (const name of ["pixi.toml", "pyproject.toml", "s.py", "x.zip", "reqs.txt"]) {
      if (name !== "reqs.txt") writeFileSync(join(sandbox.dir, name), "first\n");
      const { code, stderr } = await run("create", "-n", "x", "-f", name, ...channel);
      expect([code, stderr], name).toEqual([
        1,
        expect.stringMatching(new RegExp(`^error: \`${name}\` is .*\nhint: .+\n$`)),
      ]);
    }
  });

  it("an environment file of other platforms, and its category", async () => {
    writeFileSync(
      join(sandbox.dir, "far.yml"),
      "dependencies: [first]\nplatforms: [osx-64, win-64]\ncategory: dev\n",
    );
    const { code, stderr } = await run("create", "-n", "far", "-f", "far.yml", ...channel);
    expect(code).toBe(0);
    expect(stderr).toContain("warning: the environment file is for osx-64, win-64, not for linux-64");
    expect(stderr).toContain("`category: dev` has no effect");
    expect(
      (await run("create", "-n", "far2", "-f", "far.yml", "--platform", "win-64", ...channel)).stderr,
    ).not.toContain("is for osx-64");
  });

  it("a `pip:` section where nothing brought pip", async () => {
    writeFileSync(join(sandbox.dir, "pip.yml"), "dependencies: [first, {pip: [requests]}]\n");
    const { code, stderr } = await run("create", "-n", "piped", "-f", "pip.yml", ...channel);
    expect(code).toBe(1);
    expect(stderr).toContain("hint: the `pip:` section of the file needs pip\n");
  });
});
