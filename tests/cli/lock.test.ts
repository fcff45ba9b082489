import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { filesBelow } from "../../fixtures/files-below.ts";
import { type BuiltPackage, buildPackage, writeChannel } from "../../fixtures/index.ts";
import { hostPlatform } from "../../src/specs/platform.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

const host = hostPlatform(process.platform, process.arch);
const other = host === "osx-arm64" ? "linux-64" : "osx-arm64";
const PLACEHOLDER = `/opt/build_${"placehold_".repeat(22)}`;

/** `tool` is built for two platforms and differs between them; `lib` is for all; `extra` is alone. */
async function world(): Promise<BuiltPackage[]> {
  const tool = (subdir: string, depends: string[]) =>
    buildPackage({
      name: "tool",
      version: "1.0",
      subdir,
      depends: ["lib >=1", "lib <3", ...depends],
      prefixPlaceholder: PLACEHOLDER,
      files: [
        { path: "bin/tool", content: `#!/bin/sh\necho ${subdir} ${PLACEHOLDER}\n`, mode: 0o755 },
        {
          path: "lib/tool.bin",
          content: Buffer.from(`\0${PLACEHOLDER}/x\0`, "latin1"),
          prefixMode: "binary",
        },
      ],
      extraIndex: { license: "MIT" },
    });
  return Promise.all([
    tool(host, []),
    tool(other, ["only-there"]),
    buildPackage({ name: "only-there", version: "0.1", subdir: other, files: [] }),
    buildPackage({ name: "only-here", version: "0.1", subdir: host, files: [] }),
    buildPackage({
      name: "lib",
      version: "2.0",
      noarch: "generic",
      format: "tar.bz2",
      files: [
        { path: "share/lib.txt", content: "2" },
        { path: "share/link", symlink: "lib.txt" },
      ],
    }),
    buildPackage({
      name: "extra",
      version: "5",
      noarch: "generic",
      files: [{ path: "share/extra.txt", content: "extra" }],
    }),
  ]);
}

/** Every path of a prefix with its bytes; records without what says how they were asked for. */
function snapshot(prefix: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const path of filesBelow(prefix)) {
    const name = relative(prefix, path);
    if (name === join("conda-meta", "history")) continue;
    const text = readFileSync(path, "latin1");
    if (!/^conda-meta.*\.json$/.test(name)) found[name] = [text, statSync(path).mode];
    else found[name] = { ...JSON.parse(text), requested_spec: "", requested_specs: [] };
  }
  return found;
}

describe("lock files", () => {
  let sandbox: Sandbox;
  let server: ChannelServer;
  let packages: BuiltPackage[];
  let channel: string[];
  const path = (name: string) => join(sandbox.dir, name);
  const text = (name: string) => readFileSync(path(name), "utf8");
  const names = async (prefix: string) =>
    (await sandbox.taipan("list", "-p", prefix, "--json")).json<{ name: string }[]>().map(({ name }) => name);

  beforeAll(async () => {
    sandbox = createSandbox();
    packages = await world();
    await writeChannel(path("channel"), packages, { zst: true });
    server = await startServer({ root: path("channel") });
    channel = ["--override-channels", "-c", server.url];
    writeFileSync(
      path("environment.yml"),
      `name: locked\nchannels: [${server.url}, nodefaults]\ndependencies:\n  - tool\n  - extra\n`,
    );
  });

  afterAll(async () => {
    await server.close();
    sandbox.close();
  });

  it("solves for several platforms at once, touching nothing, the same way each time", async () => {
    server.requests.length = 0;
    const result = await sandbox.taipan(
      "lock",
      "-f",
      "environment.yml",
      "--platform",
      host,
      "--platform",
      other,
      "--json",
    );
    expect(result.stderr).toBe("");
    const { success, platforms, files } = result.json<{
      success: boolean;
      platforms: Record<string, { name: string }[]>;
      files: string[];
    }>();
    expect([success, files]).toEqual([true, ["conda-lock.yml"]]);
    expect(platforms[host]!.map(({ name }) => name)).toEqual(["extra", "lib", "tool"]);
    expect(platforms[other]!.map(({ name }) => name)).toEqual(["extra", "lib", "only-there", "tool"]);
    expect(server.requests.filter(({ path: asked }) => /\.(conda|bz2)$/.test(asked))).toEqual([]);
    const lock = parse(text("conda-lock.yml"));
    expect(lock.metadata.platforms.sort()).toEqual([host, other].sort());
    expect(lock.metadata.sources).toEqual(["environment.yml"]);
    expect(lock.package).toHaveLength(7);
    const first = text("conda-lock.yml");
    await sandbox.taipan("lock", "-f", "environment.yml", "--platform", other, "--platform", host, "-q");
    expect(parse(text("conda-lock.yml")).package).toEqual(lock.package);
    expect(text("conda-lock.yml").length).toBe(first.length);
  });

  it.each(["conda-lock.yml", "pixi.lock", "explicit.txt", "own-lock.json"])(
    "creates the identical prefix from %s",
    async (file) => {
      const platforms = /txt|json/.test(file) ? [] : ["--platform", other];
      expect(
        (await sandbox.taipan("lock", "-f", "environment.yml", "--platform", host, ...platforms, "-o", file))
          .code,
      ).toBe(0);
      const prefix = path("same");
      await sandbox.taipan(
        "create",
        "-p",
        prefix,
        "-f",
        "environment.yml",
        "--override-channels",
        "-y",
        "-q",
      );
      const solved = snapshot(prefix);
      expect(Object.keys(solved)).toHaveLength(7);
      // Fetched anew, so that nothing is known but what the lock file and the archives say.
      await sandbox.taipan("env", "remove", "-p", prefix, "-y", "-q");
      await sandbox.taipan("clean", "--all", "-y", "-q");
      const result = await sandbox.taipan("create", "-p", prefix, "-f", file, "-y", "-q");
      expect(result.stderr).toBe("");
      expect(snapshot(prefix)).toEqual(solved);
      await sandbox.taipan("env", "remove", "-p", prefix, "-y", "-q");
    },
  );

  it("writes one explicit list for each platform", async () => {
    const refused = await sandbox.taipan(
      "lock",
      "tool",
      ...channel,
      "--platform",
      host,
      "--platform",
      other,
      "-o",
      "all.txt",
    );
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("{platform}")]);
    const result = await sandbox.taipan(
      "lock",
      "tool",
      ...channel,
      "--platform",
      host,
      "--platform",
      other,
      "-o",
      "e-{platform}.txt",
    );
    expect(result.code).toBe(0);
    expect(text(`e-${other}.txt`)).toContain(`${server.url}/${other}/only-there-0.1-0.conda#`);
    expect(text(`e-${host}.txt`)).not.toContain("only-there");
  });

  it("solves for the platforms that an environment file names", async () => {
    writeFileSync(
      path("both.yml"),
      `channels: [${server.url}]\nplatforms: [${host}, ${other}]\ndependencies: [tool]\n`,
    );
    const result = await sandbox.taipan("lock", "-f", "both.yml", "--override-channels", "-o", "-", "-q");
    expect(parse(result.stdout).metadata.platforms.sort()).toEqual([host, other].sort());
    const one = await sandbox.taipan(
      "lock",
      "-f",
      "both.yml",
      "--override-channels",
      "-o",
      "-",
      "-q",
      "--platform",
      other,
    );
    expect(parse(one.stdout).metadata.platforms).toEqual([other]);
  });

  it("prints the lock with -o - and writes nothing with --dry-run", async () => {
    const printed = await sandbox.taipan("lock", "lib", ...channel, "-o", "-", "-q");
    expect(parse(printed.stdout).package.map(({ name }: { name: string }) => name)).toEqual(["lib"]);
    const dry = await sandbox.taipan("lock", "lib", ...channel, "-o", "never-lock.yml", "--dry-run");
    expect(dry.code).toBe(0);
    expect(readdirSync(sandbox.dir)).not.toContain("never-lock.yml");
  });

  it("says for which platform there is no solution", async () => {
    const result = await sandbox.taipan(
      "lock",
      "only-here",
      ...channel,
      "--platform",
      host,
      "--platform",
      other,
      "-o",
      "bad-lock.yml",
    );
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining(`for ${other}`)]);
    expect(readdirSync(sandbox.dir)).not.toContain("bad-lock.yml");
    const typo = await sandbox.taipan("lock", "lib", ...channel, "--platform", "linux64");
    expect([typo.code, typo.stderr]).toEqual([2, expect.stringContaining("`linux-64`")]);
  });

  it("installs the categories that are asked for", async () => {
    await sandbox.taipan("lock", "tool", "extra", ...channel, "-o", "conda-lock.yml", "-q");
    writeFileSync(
      path("dev-lock.yml"),
      text("conda-lock.yml").replace(/(name: extra\n(?: {2}.*\n)*? {2}category: )main/, "$1dev"),
    );
    await sandbox.taipan("create", "-p", path("main"), "-f", "dev-lock.yml", "-y", "-q");
    expect(await names(path("main"))).toEqual(["lib", "tool"]);
    await sandbox.taipan(
      "create",
      "-p",
      path("both"),
      "-f",
      "dev-lock.yml",
      "--category",
      "main",
      "--category",
      "dev",
      "-y",
      "-q",
    );
    expect(await names(path("both"))).toEqual(["extra", "lib", "tool"]);
    const none = await sandbox.taipan(
      "create",
      "-p",
      path("none"),
      "lib",
      ...channel,
      "--category",
      "dev",
      "-y",
    );
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("--category")]);
  });

  it("chooses an environment and a platform of pixi.lock", async () => {
    const record = (name: string) => packages.find((built) => built.record.name === name)!;
    const entry = (name: string) => `${server.url}/noarch/${record(name).fn}`;
    const block = (name: string) => `- conda: ${entry(name)}\n  sha256: ${record(name).record.sha256}\n`;
    const environment = (name: string, of: string) =>
      `  ${name}:\n    channels:\n    - url: ${server.url}/\n    packages:\n      ${host}:\n      - conda: ${entry(of)}\n`;
    writeFileSync(
      path("pixi.lock"),
      `version: 6\nenvironments:\n${environment("default", "lib")}${environment("test", "extra")}packages:\n${block("lib")}${block("extra")}`,
    );
    await sandbox.taipan(
      "create",
      "-p",
      path("pixi"),
      "-f",
      "pixi.lock",
      "--environment",
      "test",
      "-y",
      "-q",
    );
    expect(await names(path("pixi"))).toEqual(["extra"]);
    const added = await sandbox.taipan("install", "-p", path("pixi"), "-f", "pixi.lock", "-y", "-q");
    expect([added.code, await names(path("pixi"))]).toEqual([0, ["extra", "lib"]]);
    const wrong = await sandbox.taipan(
      "create",
      "-p",
      path("none"),
      "-f",
      "pixi.lock",
      "--environment",
      "prod",
      "-y",
    );
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("`test`")]);
    const platform = await sandbox.taipan(
      "create",
      "-p",
      path("none"),
      "-f",
      "pixi.lock",
      "--platform",
      other,
      "-y",
    );
    expect([platform.code, platform.stderr]).toEqual([1, expect.stringContaining(other)]);
  });

  it("reads mambajs locks, several files at once and from standard input", async () => {
    const mambajs = (name: string) => {
      const { fn, record } = packages.find((built) => built.record.name === name)!;
      return JSON.stringify({
        lockVersion: "1.0.3",
        platform: host,
        specs: [name],
        channels: ["here"],
        channelInfo: { here: [{ url: server.url, protocol: "https" }] },
        packages: {
          [fn]: {
            name,
            version: record.version,
            build: record.build,
            subdir: "noarch",
            channel: "here",
            hash: { sha256: record.sha256 },
          },
        },
      });
    };
    writeFileSync(path("a-lock.json"), mambajs("lib"));
    const result = await sandbox.taipanWith(
      { input: mambajs("extra") },
      "create",
      "-p",
      path("two"),
      "-f",
      "a-lock.json",
      "-f",
      "-",
      "-y",
      "-q",
    );
    expect(result.stderr).toBe("");
    expect(await names(path("two"))).toEqual(["extra", "lib"]);
  });

  it("refuses a package that is not what the lock says", async () => {
    await sandbox.taipan("lock", "lib", ...channel, "-o", "conda-lock.yml", "-q");
    writeFileSync(
      path("wrong-lock.yml"),
      text("conda-lock.yml").replace(/sha256: [0-9a-f]{8}/, "sha256: 00000000"),
    );
    const hash = await sandbox.taipan("create", "-p", path("none"), "-f", "wrong-lock.yml", "-y", "--json");
    expect([hash.code, hash.json().exception_name]).toEqual([1, "ChecksumMismatchError"]);
    writeFileSync(
      path("other-lock.yml"),
      text("conda-lock.yml")
        .replace("version: '2.0'", "version: '2.1'")
        .replace('version: "2.0"', 'version: "2.1"'),
    );
    const version = await sandbox.taipan("create", "-p", path("none"), "-f", "other-lock.yml", "-y");
    expect([version.code, version.stderr]).toEqual([1, expect.stringContaining("lib-2.1-0")]);
    const mixed = await sandbox.taipan("create", "-p", path("none"), "-f", "conda-lock.yml", "tool", "-y");
    expect(mixed.code).toBe(2);
    expect(readdirSync(sandbox.dir)).not.toContain("none");
  });

  it("shows what a lock would install without fetching it", async () => {
    await sandbox.taipan("lock", "lib", ...channel, "-o", "fresh-lock.yml", "-q");
    await sandbox.taipan("clean", "--all", "-y", "-q");
    server.requests.length = 0;
    const result = await sandbox.taipan(
      "create",
      "-p",
      path("none"),
      "-f",
      "fresh-lock.yml",
      "--dry-run",
      "--json",
    );
    expect(
      result.json<{ actions: { LINK: { name: string }[] } }>().actions.LINK.map(({ name }) => name),
    ).toEqual(["lib"]);
    expect(server.requests).toEqual([]);
  });

  it("uses credentials of a package URL, but writes them nowhere", async () => {
    const lib = packages.find((built) => built.record.name === "lib")!;
    const url = `${server.url.replace("//", "//me:hunter2@")}/noarch/${lib.fn}#${lib.record.md5}`;
    writeFileSync(path("secret.txt"), `@EXPLICIT\n${url}\n`);
    server.requests.length = 0;
    const result = await sandbox.taipanWith(
      { env: { CONDA_PKGS_DIRS: path("pkgs2") } },
      "create",
      "-p",
      path("secret"),
      "-f",
      "secret.txt",
      "-y",
    );
    expect(result.code).toBe(0);
    expect(server.requests.at(-1)!.headers["authorization"]).toBe(
      `Basic ${Buffer.from("me:hunter2").toString("base64")}`,
    );
    expect(result.stdout + result.stderr + JSON.stringify(snapshot(path("secret")))).not.toContain("hunter2");
    expect(readFileSync(join(path("secret"), "conda-meta", "history"), "utf8")).not.toContain("hunter2");
  });

  describe("export", () => {
    beforeAll(async () => {
      await sandbox.taipan("create", "-n", "exported", ...channel, "tool", "extra", "-y", "-q");
    });

    it("writes formats that make the environment again", async () => {
      for (const [format, file] of [
        ["conda-lock", "ex-lock.yml"],
        ["pixi-lock", "pixi.lock"],
        ["explicit", "ex.txt"],
        ["environment-yml", "ex.yml"],
      ] as const) {
        const written = await sandbox.taipan("export", "-n", "exported", "-f", file);
        expect([written.code, written.stdout, written.stderr]).toEqual([
          0,
          "",
          expect.stringContaining(file),
        ]);
        const printed = await sandbox.taipan("export", "-n", "exported", "--format", format);
        expect(printed.stdout).toBe(text(file));
        const made = await sandbox.taipan(
          "create",
          "-p",
          path("again"),
          "-f",
          file,
          "--override-channels",
          "-y",
          "-q",
        );
        expect([made.code, await names(path("again"))]).toEqual([0, ["extra", "lib", "tool"]]);
      }
    });

    it("writes bills of materials that do not change by themselves", async () => {
      const run = (format: string) =>
        sandbox.taipanWith(
          { env: { SOURCE_DATE_EPOCH: "1700000000" } },
          "export",
          "-n",
          "exported",
          "--format",
          format,
          "--json",
        );
      const cyclonedx = (await run("cyclonedx-json")).json<{
        bomFormat: string;
        components: { name: string; licenses?: unknown }[];
        metadata: { timestamp: string };
      }>();
      expect([cyclonedx.bomFormat, cyclonedx.metadata.timestamp]).toEqual([
        "CycloneDX",
        "2023-11-14T22:13:20Z",
      ]);
      expect(cyclonedx.components.map(({ name }) => name)).toEqual(["extra", "lib", "tool"]);
      const spdx = await run("spdx-json");
      expect(spdx.json()).toMatchObject({
        spdxVersion: "SPDX-2.3",
        creationInfo: { created: "2023-11-14T22:13:20Z" },
      });
      expect((await run("spdx-json")).stdout).toBe(spdx.stdout);
    });

    it("takes the switches of `env export`", async () => {
      const run = async (...args: string[]) =>
        (await sandbox.taipan("env", "export", "-n", "exported", ...args)).stdout;
      expect(parse(await run())).toMatchObject({
        name: "exported",
        channels: [server.url],
        dependencies: ["extra=5=0", "lib=2.0=0", "tool=1.0=0"],
      });
      expect(parse(await run("--no-builds")).dependencies).toEqual(["extra=5", "lib=2.0", "tool=1.0"]);
      expect(parse(await run("--from-history")).dependencies).toEqual(["extra", "tool"]);
      expect(parse(await run("--md5")).dependencies[0]).toMatch(/^extra=5=0\[md5=[0-9a-f]{32}\]$/);
      expect(parse(await run("--channel-subdir")).dependencies[0]).toBe(`${server.url}/noarch::extra=5=0`);
      expect(parse(await run("--override-channels", "-c", "mine")).channels).toEqual(["mine"]);
      expect(await run("--explicit")).toMatch(/@EXPLICIT\n(http.*#[0-9a-f]{32}\n){3}$/);
      expect(await run("--explicit", "--no-md5")).not.toContain(".conda#");
      expect(JSON.parse(await run("--json"))).toMatchObject({
        name: "exported",
        prefix: join(sandbox.root, "envs", "exported"),
      });
      const refused = await sandbox.taipan(
        "export",
        "-n",
        "exported",
        "--from-history",
        "--format",
        "explicit",
      );
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("--from-history")]);
      expect((await sandbox.taipan("export", "-n", "exported", "--format", "yml2")).stderr).toContain(
        "environment-yml",
      );
    });
  });
});
