import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BuiltPackage, buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

const PLACEHOLDER = `/opt/build_${"placehold_".repeat(22)}`;
const generic = { noarch: "generic" as const };

const world = (): Promise<BuiltPackage[]> =>
  Promise.all([
    buildPackage({
      name: "lib",
      version: "1.0",
      ...generic,
      files: { "share/lib/a.txt": "1.0\n", "share/lib/b.txt": "same\n" },
    }),
    buildPackage({
      name: "lib",
      version: "2.0",
      ...generic,
      files: { "share/lib/a.txt": "2.0\n", "share/lib/b.txt": "same\n" },
    }),
    buildPackage({
      name: "app",
      version: "1.0",
      ...generic,
      depends: ["lib"],
      prefixPlaceholder: PLACEHOLDER,
      files: [
        { path: "bin/app", content: `#!/bin/sh\necho app in ${PLACEHOLDER}\n`, mode: 0o755 },
        { path: "lib/app.bin", content: Buffer.from(`\0${PLACEHOLDER}/x\0`, "latin1"), prefixMode: "binary" },
      ],
    }),
    buildPackage({ name: "extra", version: "1.0", ...generic, files: { "share/extra": "extra\n" } }),
  ]);

interface Actions {
  LINK?: { name: string; version: string }[];
  UNLINK?: { name: string; version: string }[];
}
const shown = (list: Actions["LINK"]) => (list ?? []).map(({ name, version }) => `${name} ${version}`).sort();

describe("care of environments", () => {
  let sandbox: Sandbox;
  let server: ChannelServer;
  let channel: string[];
  const prefixOf = (name: string) => join(sandbox.root, "envs", name);
  const text = (...parts: string[]) => readFileSync(join(...parts), "utf8");
  const list = async (name: string) =>
    (await sandbox.taipan("list", "-n", name, "--json"))
      .json<{ name: string; version: string }[]>()
      .map((entry) => `${entry.name} ${entry.version}`);

  beforeAll(async () => {
    sandbox = createSandbox();
    await writeChannel(join(sandbox.dir, "channel"), await world());
    server = await startServer({ root: join(sandbox.dir, "channel") });
    channel = ["--override-channels", "-c", server.url];
  });

  beforeEach(async () => {
    for (const name of existsSync(join(sandbox.root, "envs")) ? readdirSync(join(sandbox.root, "envs")) : [])
      rmSync(prefixOf(name), { recursive: true });
    const made = await sandbox.taipan("create", "-n", "one", ...channel, "app", "lib=1", "-y", "-q");
    expect(made.stderr).toBe("");
  });

  afterAll(async () => {
    await server.close();
    sandbox.close();
  });

  describe("create --clone", () => {
    it("copies an environment without a solve or a download", async () => {
      writeFileSync(join(prefixOf("one"), "share", "mine.sh"), `#!${prefixOf("one")}/bin/app\n`);
      server.requests.length = 0;
      const result = await sandbox.taipan("create", "-n", "two", "--clone", "one", "--json");
      const { actions, success } = result.json<{ actions: Actions; success: boolean }>();
      expect([success, shown(actions.LINK)]).toEqual([true, ["app 1.0", "lib 1.0"]]);
      expect(server.requests).toEqual([]);
      expect(text(prefixOf("two"), "bin/app")).toContain(`echo app in ${prefixOf("two")}\n`);
      expect(text(prefixOf("two"), "share/mine.sh")).toBe(`#!${prefixOf("two")}/bin/app\n`);
      expect(text(prefixOf("two"), "lib/app.bin").startsWith(`\0${prefixOf("two")}/x\0`)).toBe(true);
      expect(text(prefixOf("one"), "bin/app")).toContain(prefixOf("one"));
      expect(await list("two")).toEqual(["app 1.0", "lib 1.0"]);
      expect((await sandbox.taipan("run", "-n", "two", "app")).stdout).toBe(`app in ${prefixOf("two")}\n`);
      expect((await sandbox.taipan("verify", "-n", "two")).code).toBe(0);
      const history = await sandbox.taipan("env", "export", "-n", "two", "--from-history", "--json");
      expect(history.json<{ dependencies: string[] }>().dependencies).toEqual(["app", "lib=1"]);
    });

    it("touches nothing with --dry-run, and no environment that is there", async () => {
      const dry = await sandbox.taipan(
        "create",
        "-n",
        "two",
        "--clone",
        prefixOf("one"),
        "--dry-run",
        "--json",
      );
      expect(dry.json()).toMatchObject({ dry_run: true, prefix: prefixOf("two") });
      expect(existsSync(prefixOf("two"))).toBe(false);
      const there = await sandbox.taipan("create", "-n", "one", "--clone", "one", "-y", "--json");
      expect([there.code, there.json().message]).toEqual([1, expect.stringContaining(prefixOf("one"))]);
      const absent = await sandbox.taipan("create", "-n", "two", "--clone", "nope", "-y");
      expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining("nope")]);
      expect((await sandbox.taipan("create", "-n", "two", "--clone", "one", "lib", "-y")).code).toBe(2);
    });
  });

  describe("rename", () => {
    it("moves an environment, with the paths in its files and its registration", async () => {
      const result = await sandbox.taipan("rename", "-n", "one", "moved", "--json");
      expect(result.json()).toEqual({
        success: true,
        dry_run: false,
        src: prefixOf("one"),
        dst: prefixOf("moved"),
      });
      expect(existsSync(prefixOf("one"))).toBe(false);
      expect((await sandbox.taipan("run", "-n", "moved", "app")).stdout).toBe(
        `app in ${prefixOf("moved")}\n`,
      );
      const registered = text(sandbox.home, ".conda", "environments.txt").split("\n");
      expect(registered).toContain(prefixOf("moved"));
      expect(registered).not.toContain(prefixOf("one"));
    });

    it("replaces another environment only when forced, and never the root or the active one", async () => {
      await sandbox.taipan("create", "-n", "two", ...channel, "extra", "-y", "-q");
      const refused = await sandbox.taipan("rename", "-n", "one", "two");
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(prefixOf("two"))]);
      const dry = await sandbox.taipan("rename", "-n", "one", "two", "--force", "--dry-run", "-y");
      expect([dry.code, await list("two")]).toEqual([0, ["extra 1.0"]]);
      expect((await sandbox.taipan("rename", "-n", "one", "two", "--force", "-y")).code).toBe(0);
      expect(await list("two")).toEqual(["app 1.0", "lib 1.0"]);
      expect((await sandbox.taipan("rename", "-n", "base", "three")).code).not.toBe(0);
      const active = await sandbox.taipanWith(
        { env: { CONDA_PREFIX: prefixOf("two") } },
        "rename",
        "-n",
        "two",
        "three",
      );
      expect([active.code, active.stderr]).toEqual([2, expect.stringContaining("active")]);
    });
  });

  it("compares an environment with files, in conda's words", async () => {
    const file = (name: string, content: string) => writeFileSync(join(sandbox.dir, name), content);
    file("same.yml", "dependencies: [app, lib=1.0]\n");
    const same = await sandbox.taipan("compare", "-n", "one", "same.yml");
    expect([same.code, same.stdout]).toEqual([
      0,
      "Success. All the packages in the specification file are present in the environment with matching version and build string.\n",
    ]);
    file("other.yml", "dependencies: [app, lib=2.0, extra, {pip: [six==1.0]}]\n");
    const other = await sandbox.taipan("compare", "-n", "one", "other.yml", "--json");
    expect([other.code, other.json()]).toEqual([
      1,
      [
        "lib found but mismatch. Specification pkg: lib=2.0, Running pkg: lib==1.0=0",
        "extra not found",
        "pip not found",
        "six not found",
      ],
    ]);
    file("exact.txt", (await sandbox.taipan("list", "-n", "one", "--explicit")).stdout);
    expect((await sandbox.taipan("compare", "-n", "one", "-f", "exact.txt")).code).toBe(0);
    expect((await sandbox.taipan("compare", "-n", "one")).code).toBe(2);
  });

  describe("install --revision", () => {
    it("goes back to the packages of a revision, and forth again", async () => {
      await sandbox.taipan("install", "-n", "one", ...channel, "lib=2", "extra", "-y", "-q");
      await sandbox.taipan("remove", "-n", "one", "app", "-y", "-q");
      expect(await list("one")).toEqual(["extra 1.0", "lib 2.0"]);
      const dry = (
        await sandbox.taipan("install", "-n", "one", "--revision", "0", "--dry-run", "--json")
      ).json<{ actions: Actions }>();
      expect([shown(dry.actions.LINK), shown(dry.actions.UNLINK)]).toEqual([
        ["app 1.0", "lib 1.0"],
        ["extra 1.0", "lib 2.0"],
      ]);
      const back = await sandbox.taipan("install", "-n", "one", "--revision", "0", "--offline", "-y", "-q");
      expect(back.stderr).toBe("");
      expect(await list("one")).toEqual(["app 1.0", "lib 1.0"]);
      expect(text(prefixOf("one"), "share/lib/a.txt")).toBe("1.0\n");
      const wishes = (await sandbox.taipan("env", "export", "-n", "one", "--from-history", "--json")).json<{
        dependencies: string[];
      }>();
      expect(wishes.dependencies).toEqual(["app", "lib=1"]);
      expect((await sandbox.taipan("install", "-n", "one", "--revision", "1", "-y", "-q")).code).toBe(0);
      expect(await list("one")).toEqual(["app 1.0", "extra 1.0", "lib 2.0"]);
      expect(
        (await sandbox.taipan("list", "-n", "one", "--revisions", "--json")).json<unknown[]>(),
      ).toHaveLength(5);
    });

    it("finds what is gone from the cache in the channels that history names", async () => {
      await sandbox.taipan("install", "-n", "one", ...channel, "lib=2", "-y", "-q");
      await sandbox.taipan("clean", "--all", "-y", "-q");
      expect(
        (await sandbox.taipan("install", "-n", "one", "--revision", "0", "--override-channels", "-y", "-q"))
          .code,
      ).toBe(0);
      expect(await list("one")).toEqual(["app 1.0", "lib 1.0"]);
    });

    it("refuses a revision that is not there", async () => {
      for (const revision of ["7", "x", "-1"]) {
        const result = await sandbox.taipan("install", "-n", "one", "--revision", revision, "-y");
        expect([result.code, result.stderr]).toEqual([2, expect.stringContaining("revision")]);
      }
      expect((await sandbox.taipan("install", "-n", "one", "--revision", "0", "lib", "-y")).code).toBe(2);
    });
  });

  describe("verify", () => {
    const damage = (path: string, content: string) => {
      const target = join(prefixOf("one"), path);
      const { mode } = statSync(target);
      chmodSync(target, 0o644);
      writeFileSync(target, content);
      chmodSync(target, mode);
    };

    it("finds nothing wrong with a good environment", async () => {
      for (const mode of ["--fast", "--full"]) {
        const result = await sandbox.taipan("verify", "-n", "one", mode, "--json");
        expect(result.json()).toMatchObject({
          success: true,
          packages: 2,
          problems: [],
          mode: mode.slice(2),
        });
        expect(result.code).toBe(0);
      }
    });

    it("finds missing and changed files, and links the packages again, although the cache shares the damage", async () => {
      unlinkSync(join(prefixOf("one"), "bin/app"));
      damage("share/lib/b.txt", "SAME\n");
      const fast = (await sandbox.taipan("verify", "-n", "one", "--fast", "--json")).json<{
        problems: unknown[];
      }>();
      expect(fast.problems).toEqual([{ package: "app-1.0-0", path: "bin/app", problem: "missing" }]);
      const full = await sandbox.taipan("verify", "-n", "one", "--json");
      expect(full.code).toBe(1);
      expect(
        full
          .json<{ problems: { path: string }[] }>()
          .problems.map(({ path }) => path)
          .sort(),
      ).toEqual(["bin/app", "share/lib/b.txt"]);
      const dry = await sandbox.taipan("verify", "-n", "one", "--fix", "--dry-run", "-y");
      expect([dry.code, existsSync(join(prefixOf("one"), "bin/app"))]).toEqual([1, false]);
      const fixed = await sandbox.taipan("verify", "-n", "one", "--fix", "--json");
      expect(fixed.json()).toMatchObject({ success: true, fixed: 2, remaining: [] });
      expect(text(prefixOf("one"), "share/lib/b.txt")).toBe("same\n");
      expect((await sandbox.taipan("run", "-n", "one", "app")).stdout).toBe(`app in ${prefixOf("one")}\n`);
      const wishes = (await sandbox.taipan("env", "export", "-n", "one", "--from-history", "--json")).json<{
        dependencies: string[];
      }>();
      expect(wishes.dependencies).toEqual(["app", "lib=1"]);
    });
  });

  describe("doctor", () => {
    const checks = async (...args: string[]) => {
      const result = await sandbox.taipan("doctor", "-n", "one", "--json", ...args);
      const document = result.json<{
        success: boolean;
        checks: { name: string; status: string; details: string[]; fixed?: boolean }[];
      }>();
      return {
        ...document,
        code: result.code,
        bad: document.checks.filter(({ status, fixed }) => status !== "ok" && !fixed).map(({ name }) => name),
      };
    };

    it("is content with a good environment", async () => {
      expect(await checks()).toMatchObject({ success: true, code: 0, bad: [] });
      const told = await sandbox.taipan("doctor", "-n", "one");
      expect(told.stdout.split("\n").filter((line) => line.startsWith("✔"))).toHaveLength(10);
    });

    it("tells when packages cannot be linked from the package cache", async ({ skip }) => {
      const before = readdirSync(join(sandbox.root, "pkgs"));
      await checks();
      expect(readdirSync(join(sandbox.root, "pkgs"))).toEqual(before);
      const elsewhere = "/dev/shm";
      const apart = existsSync(elsewhere) && statSync(elsewhere).dev !== statSync(sandbox.dir).dev;
      if (!apart) return skip("there is no second file system at /dev/shm");
      const other = mkdtempSync(join(elsewhere, "taipan-test-"));
      try {
        const { code, stdout } = await sandbox.taipanWith(
          { env: { CONDA_PKGS_DIRS: other } },
          ...["doctor", "-n", "one"],
        );
        expect([code, stdout]).toEqual([
          0,
          expect.stringContaining(`${other} is on another file system than`),
        ]);
        expect(readdirSync(other)).toEqual([]);
      } finally {
        rmSync(other, { recursive: true });
      }
    });

    it("finds records that micromamba left without dependencies, and mends them", async () => {
      const path = join(prefixOf("one"), "conda-meta", "app-1.0-0.json");
      const before = text(path);
      const whole = JSON.parse(before) as Record<string, unknown>;
      const stub = { ...whole, depends: [], license: "", timestamp: 0, build_number: 0 };
      writeFileSync(path, JSON.stringify(stub));
      const found = await checks();
      expect(found).toMatchObject({ code: 1, bad: ["records"] });
      expect(found.checks.find(({ name }) => name === "records")!.details).toEqual(["app-1.0-0 needs `lib`"]);
      expect(await checks("--fix", "--dry-run")).toMatchObject({ code: 1, bad: ["records"] });
      expect(await checks("--fix")).toMatchObject({ success: true, code: 0, bad: [] });
      expect(JSON.parse(text(path))).toMatchObject({ depends: ["lib"], files: whole["files"] });
      expect(await checks()).toMatchObject({ code: 0, bad: [] });
      writeFileSync(path, before);
    });

    it("finds what is wrong, and mends what it can", async () => {
      const prefix = prefixOf("one");
      unlinkSync(join(prefix, "bin/app"));
      writeFileSync(join(sandbox.home, ".conda", "environments.txt"), "");
      writeFileSync(join(prefix, "conda-meta", "pinned"), "lib >=2\n");
      expect(await checks()).toMatchObject({
        success: false,
        code: 1,
        bad: ["missing-files", "pinned", "environment-txt"],
      });
      expect(await checks("--fix")).toMatchObject({ success: true, code: 0, bad: ["pinned"] });
      expect(existsSync(join(prefix, "bin/app"))).toBe(true);
      expect(text(sandbox.home, ".conda", "environments.txt")).toBe(`${prefix}\n`);
      const removed = await sandbox.taipan("remove", "-n", "one", "lib", "--force", "-y", "-q");
      expect(removed.stderr).toBe("");
      const broken = await checks();
      expect(broken.bad).toEqual(["consistency"]);
      expect(broken.checks.find(({ name }) => name === "consistency")!.details).toEqual([
        "app-1.0-0 needs `lib`, which is not there",
      ]);
      const bundle = await sandbox.taipanWith(
        { env: { REQUESTS_CA_BUNDLE: "/no/such.pem" } },
        "doctor",
        "-n",
        "one",
      );
      expect([bundle.code, bundle.stdout]).toEqual([1, expect.stringContaining("/no/such.pem")]);
    });
  });

  it("shows notices of channels, also those that were seen, but not what has expired", async () => {
    const notice = (id: string, message: string, expired_at: string) => ({
      id,
      message,
      level: "warning",
      created_at: "2025-01-02T00:00:00Z",
      expired_at,
    });
    writeFileSync(
      join(sandbox.dir, "channel", "notices.json"),
      JSON.stringify({
        notices: [
          notice("1", "Moving house\u001b[2J", "2999-01-01T00:00:00Z"),
          notice("2", "Old", "2020-01-01T00:00:00Z"),
        ],
      }),
    );
    for (let i = 0; i < 2; i++) {
      const result = await sandbox.taipan("notices", ...channel, "--json");
      expect(result.json<{ notices: object[] }>().notices).toEqual([
        {
          id: "1",
          message: "Moving house[2J",
          level: "warning",
          channel_name: server.url,
          created_at: "2025-01-02T00:00:00.000Z",
          expired_at: "2999-01-01T00:00:00.000Z",
        },
      ]);
    }
    const told = await sandbox.taipan("notices", ...channel);
    expect(told.stdout).toContain("warning 2025-01-02\n  Moving house[2J\n");
    rmSync(join(sandbox.dir, "channel", "notices.json"));
    expect((await sandbox.taipan("notices", ...channel)).stderr).toContain("no notices");
  });

  it("lists sizes and chosen fields", async () => {
    const fields = await sandbox.taipan(
      "list",
      "-n",
      "one",
      "--fields",
      "name,subdir,requested-spec",
      "--json",
    );
    expect(fields.json()).toEqual([
      { name: "app", subdir: "noarch", requested_spec: "app" },
      { name: "lib", subdir: "noarch", requested_spec: "lib=1" },
    ]);
    const sized = (await sandbox.taipan("list", "-n", "one", "--size", "--json")).json<{ size: number }[]>();
    expect(sized[1]!.size).toBe("1.0\nsame\n".length);
    const table = await sandbox.taipan("list", "-n", "one", "--size", "--reverse");
    expect(table.stdout).toMatch(/Size\n[^\n]+\n +lib .* 9 B\n +app /);
    const wrong = await sandbox.taipan("list", "-n", "one", "--fields", "nam");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("`name`")]);
    expect((await sandbox.taipan("list", "-n", "one", "--explicit", "--size")).code).toBe(2);
  });
});
