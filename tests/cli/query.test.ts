import { execFile } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, type PackageSpec, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { repoRoot } from "../support/shared.ts";

const build = (name: string, version: string, depends: string[] = [], more: Partial<PackageSpec> = {}) =>
  buildPackage({
    name,
    version,
    noarch: "generic",
    depends,
    files: { [`share/${name}.txt`]: `${name} ${version}\n` },
    timestamp: 1_600_000_000_000,
    ...more,
  });

const world = () =>
  Promise.all([
    build("libx", "1.0"),
    build("libx", "1.1", [], { constrains: ["oldx <0"], extraIndex: { license: "MIT" } }),
    build("app", "1.0", ["libx"]),
    build("app", "2.0", ["libx >=1.1", "__unix"]),
    build("app", "2.0", ["libx >=1.1"], { buildNumber: 1, format: "tar.bz2" }),
    build("tool", "0.1", ["app >=2", "libx"]),
    build("suite", "3", ["tool", "left", "right"]),
    build("left", "1", ["base"]),
    build("right", "1", ["base >=1"]),
    build("base", "1"),
    build("conf-a", "1.0", ["libx 1.0.*"]),
    build("conf-b", "1.0", ["libx 1.1.*"]),
    build("broken", "1.0", ["nowhere >=2", "libx"]),
    build("lang", "3.10"),
    build("lang", "3.14"),
    build("picky", "1.0", ["lang", "lang >=3.10,<3.11"]),
    build("torn", "1.0", ["lang <3.11", "lang >=3.12"]),
  ]);

interface Answer {
  query: { query: string; type: string };
  result: {
    msg: string;
    status: string;
    pkgs: { name: string; version: string; build: string }[];
    graph_roots?: unknown[];
  };
}

describe("questions about packages", () => {
  let sandbox: Sandbox;
  let server: ChannelServer;
  let channel: string[];
  const lines = (text: string) => text.trimEnd().split("\n");
  const ask = async (...args: string[]) => {
    const answer = (await sandbox.taipan(...args, "--json")).json<Answer>();
    return {
      ...answer,
      found: answer.result.pkgs.map((entry) => `${entry.name} ${entry.version} ${entry.build}`),
    };
  };

  beforeAll(async () => {
    sandbox = createSandbox();
    const directory = join(sandbox.dir, "channel");
    await writeChannel(directory, await world(), { zst: true, shards: true });
    server = await startServer({ root: directory });
    channel = ["--override-channels", "-c", server.url];
    const made = await sandbox.taipan("create", "-n", "env", ...channel, "suite", "conf-b", "-y", "-q");
    expect(made.stderr).toBe("");
  });

  afterAll(async () => {
    await server.close();
    sandbox.close();
  });

  describe("search", () => {
    it("matches names with wildcards and versions, newest first, in mamba's document", async () => {
      const answer = await ask("search", "*x*", ...channel);
      expect(answer.query).toEqual({ query: "*x*", type: "search" });
      expect(answer.result).toMatchObject({ msg: "", status: "OK" });
      expect(answer.found).toEqual(["libx 1.1 0", "libx 1.0 0"]);
      expect(answer.result.pkgs[0]).toMatchObject({
        url: `${server.url}/noarch/libx-1.1-0.conda`,
        timestamp: 1_600_000_000,
        license: "MIT",
      });
      expect((await ask("repoquery", "search", "app=2", ...channel)).found).toEqual([
        "app 2.0 1",
        "app 2.0 0",
      ]);
      expect((await ask("search", "libx>1", "conf-a", ...channel)).found).toEqual([
        "conf-a 1.0 0",
        "libx 1.1 0",
      ]);
      expect((await ask("search", "nosuch", ...channel)).result).toEqual({
        msg: 'No entries matching "nosuch" found',
        pkgs: [],
        status: "OK",
      });
    });

    it("asks for the shards of what matches alone", async () => {
      await sandbox.taipan("clean", "--index-cache", "-y", "-q");
      server.requests.length = 0;
      await ask("search", "tool", ...channel);
      expect(server.requests.filter(({ path }) => /[0-9a-f]{64}\.msgpack\.zst$/.test(path))).toHaveLength(1);
    });

    it("prints a table, or everything that is known", async () => {
      const table = await sandbox.taipan("search", "libx", ...channel, "-q");
      expect(lines(table.stdout).map((line) => line.trim().split(/\s+/).slice(0, 3).join(" "))).toEqual([
        "Name Version Build",
        expect.any(String),
        "libx 1.1 0",
        "libx 1.0 0",
      ]);
      const details = await sandbox.taipan("search", "libx=1.1", ...channel, "-q", "--info");
      expect(details.stdout).toMatch(/^libx 1\.1 0\n─+\nfile name {3}: libx-1\.1-0\.conda\n/);
      expect(details.stdout).toContain("timestamp   : 2020-09-13 12:26:40 UTC\n");
      expect(details.stdout).toContain("constraints:\n  - oldx <0\n");
      expect((await sandbox.taipan("search", "libx=1.1", ...channel, "-q", "--pretty")).stdout).toBe(
        details.stdout,
      );
    });

    it("looks in the environment with --local", async () => {
      expect((await ask("search", "*x*", "--local", "-n", "env")).found).toEqual(["libx 1.1 0"]);
      const both = await sandbox.taipan("search", "x", "--local", "-n", "env", ...channel);
      expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("-c")]);
    });

    it("has a suggestion for what is misspelt", async () => {
      const none = await sandbox.taipan("search", "tooll", ...channel);
      expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("`tool`")]);
    });
  });

  describe("repoquery depends", () => {
    it("names what a package needs directly, or all of it", async () => {
      const direct = await ask("repoquery", "depends", "tool", ...channel);
      expect(direct.query).toEqual({ query: "tool", type: "depends" });
      expect(direct.found).toEqual(["tool 0.1 0", "app 2.0 1", "libx 1.1 0"]);
      expect(direct.result.graph_roots).toEqual([direct.result.pkgs[0]]);
      expect((await ask("repoquery", "depends", "suite", ...channel)).found).toEqual([
        "suite 3 0",
        "tool 0.1 0",
        "left 1 0",
        "right 1 0",
      ]);
      expect((await ask("repoquery", "depends", "suite", "--recursive", ...channel)).found).toEqual([
        "suite 3 0",
        "tool 0.1 0",
        "app 2.0 1",
        "libx 1.1 0",
        "left 1 0",
        "base 1 0",
        "right 1 0",
      ]);
    });

    it("draws a tree", async () => {
      const tree = await sandbox.taipan("repoquery", "depends", "-t", "suite", ...channel, "-q");
      expect(lines(tree.stdout)).toEqual([
        "suite[3]",
        "  ├─ tool[0.1]",
        "  │  ├─ app[2.0]",
        "  │  │  └─ libx[1.1]",
        "  │  └─ libx already visited",
        "  ├─ left[1]",
        "  │  └─ base[1]",
        "  └─ right[1]",
        "     └─ base already visited",
      ]);
      const ascii = await sandbox.taipanWith(
        { env: { TERM: "dumb" } },
        "search",
        "tool",
        "--tree",
        ...channel,
        "-q",
      );
      expect(lines(ascii.stdout)).toEqual([
        "tool[0.1]",
        "  |- app[2.0]",
        "  |  `- libx[1.1]",
        "  `- libx already visited",
      ]);
    });

    it("says what is missing and what the system provides", async () => {
      const missing = await sandbox.taipan("repoquery", "depends", "--pretty", "broken", ...channel, "-q");
      expect(lines(missing.stdout)).toEqual(["broken[1.0]", "  ├─ nowhere >=2 not found", "  └─ libx[1.1]"]);
      const system = await sandbox.taipan("repoquery", "depends", "-t", "app=2=0", ...channel, "-q");
      expect(lines(system.stdout)).toEqual(["app[2.0]", "  ├─ libx[1.1]", "  └─ __unix of the system"]);
    });

    it("takes one record that meets all dependencies on a name", async () => {
      expect((await ask("repoquery", "depends", "picky", ...channel)).found).toEqual([
        "picky 1.0 0",
        "lang 3.10 0",
      ]);
      const torn = await sandbox.taipan("repoquery", "depends", "--pretty", "torn", ...channel, "-q");
      expect(lines(torn.stdout)).toEqual(["torn[1.0]", "  └─ lang <3.11, lang >=3.12 not found"]);
    });

    it("asks the environment when no channel is named", async () => {
      const local = await ask("repoquery", "depends", "tool", "-n", "env");
      expect(local.found).toEqual(["tool 0.1 0", "app 2.0 1", "libx 1.1 0"]);
      const none = await sandbox.taipan("repoquery", "depends", "conf-a", "-n", "env");
      expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("`conf-b`")]);
      const remote = await sandbox.taipanWith(
        { env: { CONDA_CHANNELS: server.url } },
        "repoquery",
        "depends",
        "conf-a",
        "-n",
        "env",
        "--remote",
        "--json",
      );
      expect(remote.json<Answer>().result.pkgs.map(({ version }) => version)).toEqual(["1.0", "1.0"]);
    });
  });

  describe("repoquery whoneeds", () => {
    it("names every build that needs a package", async () => {
      const answer = await ask("repoquery", "whoneeds", "libx", ...channel);
      expect(answer.result.graph_roots).toEqual(["libx"]);
      expect(answer.found).toEqual([
        "app 1.0 0",
        "app 2.0 0",
        "app 2.0 1",
        "broken 1.0 0",
        "conf-a 1.0 0",
        "conf-b 1.0 0",
        "tool 0.1 0",
      ]);
      expect((await ask("repoquery", "whoneeds", "libx=1.0", ...channel)).found).toEqual([
        "app 1.0 0",
        "broken 1.0 0",
        "conf-a 1.0 0",
        "tool 0.1 0",
      ]);
      expect((await ask("repoquery", "whoneeds", "nowhere", ...channel)).found).toEqual(["broken 1.0 0"]);
    });

    it("asks the environment, shows the dependencies and draws a tree", async () => {
      expect((await ask("repoquery", "whoneeds", "base", "-n", "env")).found).toEqual([
        "left 1 0",
        "right 1 0",
      ]);
      const table = await sandbox.taipan("repoquery", "whoneeds", "base", "-n", "env", "-q");
      expect(table.stdout).toMatch(/right +1 +0 +base >=1/);
      const tree = await sandbox.taipan("repoquery", "whoneeds", "--tree", "libx", "-n", "env", "-q");
      expect(lines(tree.stdout)).toEqual([
        "libx[1.1]",
        "  ├─ app[2.0]",
        "  │  └─ tool[0.1]",
        "  │     └─ suite[3]",
        "  ├─ conf-b[1.0]",
        "  └─ tool already visited",
      ]);
    });
  });

  it("has conda's document and order when run as conda", async () => {
    const program = join(sandbox.dir, "conda");
    symlinkSync(join(repoRoot, "bin", "taipan.js"), program);
    const conda = (...args: string[]) =>
      new Promise<{ code: number | null; stdout: string }>((done) => {
        const env = { PATH: process.env["PATH"], HOME: sandbox.home, MAMBA_ROOT_PREFIX: sandbox.root };
        const child = execFile(
          process.execPath,
          [program, ...args, ...channel, "--json"],
          { env },
          (_, stdout) => done({ code: child.exitCode, stdout }),
        );
      });
    const document = JSON.parse((await conda("search", "app")).stdout) as Record<
      string,
      { version: string; build_number: number }[]
    >;
    expect(Object.keys(document)).toEqual(["app"]);
    expect(document["app"]!.map(({ version, build_number }) => `${version} ${build_number}`)).toEqual([
      "1.0 0",
      "2.0 0",
      "2.0 1",
    ]);
    const none = await conda("search", "nosuch");
    expect([none.code, JSON.parse(none.stdout).exception_name]).toEqual([1, "PackagesNotFoundError"]);
  });

  describe("why", () => {
    it("shows every shortest path from what was asked for", async () => {
      const result = await sandbox.taipan("why", "base", "-n", "env");
      expect(lines(result.stdout)).toEqual([
        "base 1 is needed:",
        "  suite 3 → left 1 (left) → base 1 (base)",
        "  suite 3 → right 1 (right) → base 1 (base >=1)",
      ]);
      const document = (await sandbox.taipan("why", "libx", "-n", "env", "--json")).json<{
        paths: { name: string; needs?: string }[][];
        more: boolean;
      }>();
      expect(document.paths.map((path) => path.map(({ name }) => name).join(" "))).toEqual([
        "conf-b libx",
        "suite tool libx",
      ]);
      expect(document.paths[1]![1]).toEqual({ name: "tool", version: "0.1", needs: "libx" });
    });

    it("says that a package was asked for, or is not there", async () => {
      expect((await sandbox.taipan("why", "conf-b", "-n", "env")).stdout).toBe(
        "conf-b 1.0 was asked for: conf-b\n",
      );
      const absent = await sandbox.taipan("why", "bas", "-n", "env");
      expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining("`base`")]);
    });

    it("answers for what would be installed from channels", async () => {
      const result = await sandbox.taipan("why", "libx", "app=1", ...channel);
      expect(lines(result.stdout)).toEqual(["libx 1.1 is needed:", "  app 1.0 → libx 1.1 (libx)"]);
      expect((await sandbox.taipan("why", "libx", "app", "-n", "env")).code).toBe(2);
    });
  });

  describe("why-not", () => {
    it("explains with the solver what speaks against a package", async () => {
      const blocked = await sandbox.taipan("why-not", "libx=1.0", "-n", "env", ...channel);
      expect(blocked.code).toBe(0);
      expect(blocked.stderr.match(/Loading channels/g)).toHaveLength(1);
      expect(blocked.stdout).toMatch(
        /cannot be met together[\s\S]*conf-b[\s\S]*Without keeping all that is installed:[\s\S]*Remove/,
      );
      const document = (await sandbox.taipan("why-not", "libx=1.0", "-n", "env", ...channel, "--json")).json<{
        answer: string;
        actions: { UNLINK: { name: string }[] };
      }>();
      expect(document.answer).toBe("by-removal");
      expect(document.actions.UNLINK.map(({ name }) => name)).toContain("suite");
      const impossible = await sandbox.taipan("why-not", "conf-a", "conf-b", ...channel, "--json");
      expect(impossible.code).toBe(1);
      const together = impossible.json<{ answer: string; message: string }>();
      expect(together.answer).toBe("impossible");
      expect(together.message).toMatch(/libx/);
      const absent = await sandbox.taipan("list", "-n", "env", "nosuch");
      expect([absent.code, absent.stdout]).toEqual([0, ""]);
      expect(absent.stderr).toMatch(/^No package in .* matches `nosuch`\.\n$/);
      const unknown = (await sandbox.taipan("why-not", "nosuch", "libx", ...channel, "--json")).json<{
        answer: string;
      }>();
      expect(unknown.answer).toBe("impossible");
    });

    it("shows what would happen where nothing does", async () => {
      const possible = (await sandbox.taipan("why-not", "libx=1.0", "app=1", ...channel, "--json")).json<{
        answer: string;
        actions: { LINK: { name: string }[] };
      }>();
      expect(possible.answer).toBe("possible");
      expect((await sandbox.taipan("why-not", "libx=1.0", "app=1", ...channel, "-q")).stdout).toMatch(
        /^Nothing speaks against it; this would happen:\n\n {2}Install\n/,
      );
      expect(possible.actions.LINK.map(({ name }) => name)).toEqual(["libx", "app"]);
      expect((await sandbox.taipan("why-not", "libx", "-n", "env", ...channel)).stdout).toContain(
        "installed already",
      );
    });
  });
});
