import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BuiltPackage, buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type CliResult, createSandbox, type Sandbox } from "../support/cli.ts";
import { bz2Of, condaOf, INDEX, type RawMember, rawTar } from "../support/raw-tar.ts";

/** Everything below a directory that is no cache of repodata: what a refused command must not have changed. */
function snapshot(directory: string): string[] {
  const found: string[] = [];
  const walk = (path: string, shown: string): void => {
    for (const name of readdirSync(path).sort()) {
      const at = join(path, name);
      const stat = lstatSync(at);
      found.push(`${shown}/${name} ${stat.isDirectory() ? "dir" : stat.size}`);
      if (stat.isDirectory()) walk(at, `${shown}/${name}`);
    }
  };
  walk(directory, "");
  // Repodata may be cached and the cache directory made; neither is a change.
  return found.filter(
    (line) =>
      !/^\/root(\/pkgs(\/(cache|urls|CACHEDIR)\S*)?)? /.test(line) && !/^\/root\/pkgs\/cache\//.test(line),
  );
}

function refused(result: CliResult, named: RegExp): void {
  expect(result.stderr).toMatch(/^error: /m);
  expect(result.stderr).toMatch(named);
  expect(result.stderr).not.toMatch(/^\s+at |unexpected failure/m);
  expect(result.code).toBe(1);
}

describe("hostile packages", () => {
  let sandbox: Sandbox;
  let channel: string;
  const install = (name: string, ...more: string[]) =>
    sandbox.taipan(
      "create",
      "-n",
      "env",
      "--override-channels",
      "-c",
      `file://${channel}`,
      name,
      "-y",
      ...more,
    );

  /** Lists the bytes in the channel as if they were the package. */
  async function offer(bytes: Uint8Array, extension: "conda" | "tar.bz2"): Promise<void> {
    const { name, version, build, ...rest } = JSON.parse(String(INDEX.content)) as BuiltPackage["record"];
    const fn = `${name}-${version}-${build}.${extension}`;
    const digest = (algorithm: string) => createHash(algorithm).update(bytes).digest("hex");
    const record = {
      ...rest,
      name,
      version,
      build,
      subdir: "noarch",
      noarch: "generic" as const,
      md5: digest("md5"),
      sha256: digest("sha256"),
      size: bytes.length,
    };
    await writeChannel(channel, [{ fn, bytes, record } as BuiltPackage]);
  }

  beforeEach(() => {
    sandbox = createSandbox();
    channel = join(sandbox.dir, "channel");
    mkdirSync(join(sandbox.dir, "outside"));
    writeFileSync(join(sandbox.dir, "outside", "precious"), "precious");
  });

  afterEach(() => sandbox.close());

  const outside = (): string => join(sandbox.dir, "outside");
  const attacks: [string, () => RawMember[]][] = [
    ["an absolute path", () => [{ name: `${outside()}/evil`, content: "x" }]],
    ["a path with ..", () => [{ name: "share/../../../../outside/evil", content: "x" }]],
    [
      "a file through a symlink",
      () => [
        { name: "share", type: "2", target: outside() },
        { name: "share/evil", content: "x" },
      ],
    ],
    [
      "a symlink that climbs out",
      () => [{ name: "share/link", type: "2", target: "../../../../outside/precious" }],
    ],
    [
      "a hard link to the outside",
      () => [{ name: "share/link", type: "1", target: `${outside()}/precious` }],
    ],
    ["a device node", () => [{ name: "dev/null", type: "3" }]],
  ];
  for (const [what, members] of attacks) {
    for (const extension of ["conda", "tar.bz2"] as const) {
      it(`${what} in a .${extension}`, async () => {
        const bytes = extension === "conda" ? await condaOf(rawTar(members())) : await bz2Of(members());
        await offer(bytes, extension);
        const before = snapshot(sandbox.dir);
        refused(
          await install(JSON.parse(String(INDEX.content)).name),
          /hint:|refus|outside|absolute|link|device|path/i,
        );
        expect(snapshot(sandbox.dir)).toEqual(before);
        expect(readFileSync(join(outside(), "precious"), "utf8")).toBe("precious");
      });
    }
  }

  it.each(["../../../outside/evil = m:f", "evil = m;import os:f", "evil = m:f()", "/tmp/evil = m:f"])(
    "the entry point %s",
    async (entryPoint) => {
      const python = await buildPackage({
        name: "python",
        version: "3.11.0",
        noarch: "generic",
        files: [{ path: "bin/python3.11", content: "#!/bin/sh\n", mode: 0o755 }],
      });
      const good = await buildPackage({
        name: "victim",
        version: "1.0",
        noarch: "python",
        depends: ["python"],
        files: [{ path: "site-packages/m.py", content: "" }],
        extraInfo: {
          "link.json": JSON.stringify({
            noarch: { type: "python", entry_points: [entryPoint] },
            package_metadata_version: 1,
          }),
        },
      });
      await writeChannel(channel, [python, good]);
      refused(await install("victim", "--no-pyc"), /entry point/);
      expect(existsSync(join(sandbox.root, "envs", "env"))).toBe(false);
      expect(readdirSync(outside())).toEqual(["precious"]);
    },
  );

  // Each archive is harmless alone (CVE-2025-45582).
  it.each([
    ["at once", [["bridge", "cargo"]]],
    ["one after the other", [["bridge"], ["cargo"]]],
  ])("a link of one package that a file of another would go through, %s", async (_, steps) => {
    const noarch = "generic" as const;
    await writeChannel(channel, [
      await buildPackage({
        name: "bridge",
        version: "1.0",
        noarch,
        files: [{ path: "share/x", symlink: outside() }],
      }),
      await buildPackage({ name: "cargo", version: "1.0", noarch, files: { "share/x/evil": "x" } }),
    ]);
    const add = (names: readonly string[], verb: string) =>
      sandbox.taipan(
        ...[verb, "-n", "env", "--override-channels", "-c", `file://${channel}`, "-y"],
        ...names,
      );
    const [first = [], ...more] = steps;
    let last = await add(first, "create");
    for (const names of more) {
      expect(last.code, last.stderr).toBe(0);
      last = await add(names, "install");
    }
    refused(last, /would write through the symlink `share\/x`/);
    expect(readdirSync(outside())).toEqual(["precious"]);
  });

  it("a paths.json that leaves the prefix", async () => {
    const evil = await buildPackage({
      name: "victim",
      version: "1.0",
      noarch: "generic",
      files: [{ path: "a", content: "x" }],
      editPaths: (paths) => [...paths, { ...paths[0]!, _path: "../../../outside/evil" }],
    });
    await writeChannel(channel, [evil]);
    refused(await install("victim"), /victim|\.\./);
    expect(existsSync(join(sandbox.root, "envs", "env"))).toBe(false);
    expect(readdirSync(outside())).toEqual(["precious"]);
  });
});

const canMount = process.getuid?.() === 0 && process.platform === "linux";

describe("where writing is impossible", () => {
  let sandbox: Sandbox;
  let channel: string[];

  beforeEach(async () => {
    sandbox = createSandbox();
    const dir = join(sandbox.dir, "channel");
    const noise = Buffer.alloc(600_000).map((_, i) => (i * 2654435761) >>> (i % 23));
    await writeChannel(dir, [
      await buildPackage({
        name: "big",
        version: "1.0",
        noarch: "generic",
        files: [
          { path: "share/noise", content: noise },
          { path: "share/more", content: Buffer.concat([noise, noise]) },
        ],
      }),
    ]);
    channel = ["--override-channels", "-c", `file://${dir}`];
  });

  afterEach(() => sandbox.close());

  it.skipIf(!canMount)("a full disk: a clear error, and nothing half done", async () => {
    const mount = join(sandbox.dir, "small");
    mkdirSync(mount);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=1200k", "tmpfs", mount]).status !== 0) {
      process.stderr.write("skipped: no tmpfs can be mounted here\n");
      return;
    }
    try {
      const result = await sandbox.taipanWith(
        { env: { CONDA_PKGS_DIRS: join(mount, "pkgs") } },
        "create",
        "-n",
        "env",
        ...channel,
        "big",
        "-y",
      );
      refused(result, /space/);
      expect(existsSync(join(sandbox.root, "envs", "env"))).toBe(false);
      expect(
        readdirSync(join(mount, "pkgs")).filter((name) => !/^(cache|CACHEDIR\.TAG|urls\.txt)$/.test(name)),
      ).toEqual([]);
      const target = join(mount, "env");
      refused(
        await sandbox.taipan("create", "-p", target, ...channel, "big", "--always-copy", "-y"),
        /space/,
      );
      expect(existsSync(target)).toBe(false);
    } finally {
      execFileSync("umount", [mount]);
    }
  });

  it.skipIf(process.platform === "win32")("a directory without write permission", async () => {
    const locked = join(sandbox.dir, "locked");
    mkdirSync(locked);
    chmodSync(locked, 0o555);
    // Root may write anywhere, so the command runs as nobody there; everybody else is refused as they are.
    const asNobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    for (const dir of [sandbox.dir, sandbox.home]) chmodSync(dir, 0o755);
    if ((await sandbox.taipanWith(asNobody, "--version")).code !== 0) {
      process.stderr.write("skipped: another user cannot read this checkout\n");
      return;
    }
    const pkgs = join(sandbox.dir, "nobody-pkgs");
    mkdirSync(pkgs, { mode: 0o777 });
    chmodSync(pkgs, 0o777);
    const result = await sandbox.taipanWith(
      { ...asNobody, env: { CONDA_PKGS_DIRS: pkgs } },
      "create",
      "-p",
      join(locked, "env"),
      ...channel,
      "big",
      "-y",
    );
    chmodSync(locked, 0o755);
    refused(result, /permission/);
    expect(result.stderr).toContain(locked);
    expect(readdirSync(locked)).toEqual([]);
  });
});
