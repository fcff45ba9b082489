import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltPackage, buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

const PLACEHOLDER = `/opt/build_${"placehold_".repeat(22)}`;

/** A little world: `app` 1 and 2 need `lib`; `tool` needs `app`; one package is a .tar.bz2; text, binary and script placeholders. */
async function world(): Promise<BuiltPackage[]> {
  const generic = { noarch: "generic" as const };
  return Promise.all([
    buildPackage({
      name: "lib",
      version: "1.0",
      ...generic,
      files: [{ path: "share/lib/version.txt", content: "1.0\n" }],
    }),
    buildPackage({
      name: "lib",
      version: "1.1",
      ...generic,
      format: "tar.bz2",
      files: [{ path: "share/lib/version.txt", content: "1.1\n" }],
    }),
    buildPackage({
      name: "app",
      version: "1.0",
      ...generic,
      depends: ["lib"],
      prefixPlaceholder: PLACEHOLDER,
      files: [
        { path: "bin/app", content: "#!/bin/sh\necho app 1.0\n", mode: 0o755 },
        { path: "etc/app.conf", content: `prefix=${PLACEHOLDER}\n`, prefixMode: "text" },
        {
          path: "lib/app.bin",
          content: Buffer.from(`\x7fBIN\0${PLACEHOLDER}/share\0tail`, "latin1"),
          prefixMode: "binary",
        },
      ],
    }),
    buildPackage({
      name: "app",
      version: "2.0",
      ...generic,
      depends: ["lib >=1.1"],
      files: [{ path: "bin/app", content: "#!/bin/sh\necho app 2.0\n", mode: 0o755 }],
    }),
    buildPackage({
      name: "tool",
      version: "0.1",
      ...generic,
      depends: ["app >=2", "lib"],
      files: [
        { path: "bin/tool", content: '#!/bin/sh\necho "tool: $(app) $GREETING"\nexit 7\n', mode: 0o755 },
      ],
    }),
    buildPackage({ name: "old-only", version: "1.0", ...generic, depends: ["lib <1.1"], files: [] }),
    buildPackage({ name: "new-only", version: "1.0", ...generic, depends: ["lib >=1.1"], files: [] }),
  ]);
}

interface Actions {
  FETCH?: { name: string }[];
  LINK?: { name: string; version: string }[];
  UNLINK?: { name: string; version: string }[];
  PREFIX: string;
}

const names = (list: { name: string }[] | undefined) => (list ?? []).map((entry) => entry.name).sort();

describe("the life of an environment", { shuffle: false }, () => {
  let sandbox: Sandbox;
  let server: ChannelServer;
  let channel: string[];
  const prefixOf = (name: string) => join(sandbox.root, "envs", name);

  beforeAll(async () => {
    sandbox = createSandbox();
    const dir = join(sandbox.dir, "channel");
    await writeChannel(dir, await world(), { zst: true });
    server = await startServer({ root: dir });
    channel = ["--override-channels", "-c", server.url];
  });

  afterAll(async () => {
    await server.close();
    sandbox.close();
  });

  it("shows a plan and changes nothing with --dry-run", async () => {
    const result = await sandbox.taipan("create", "-n", "dry", ...channel, "app", "--dry-run", "--json");
    expect(result.code).toBe(0);
    const { actions, dry_run, success } = result.json<{
      actions: Actions;
      dry_run: boolean;
      success: boolean;
    }>();
    expect([dry_run, success]).toEqual([true, true]);
    expect(names(actions.LINK)).toEqual(["app", "lib"]);
    expect(names(actions.FETCH)).toEqual(["app", "lib"]);
    expect(existsSync(prefixOf("dry"))).toBe(false);
  });

  it("creates an environment whose records conda can read", async () => {
    const result = await sandbox.taipan("create", "-n", "one", ...channel, "app=1", "-y");
    expect(result.stderr).not.toContain("error");
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/\+ app\s+1\.0/);
    const prefix = prefixOf("one");
    expect(readFileSync(join(prefix, "etc/app.conf"), "utf8")).toBe(`prefix=${prefix}\n`);
    const binary = readFileSync(join(prefix, "lib/app.bin"), "latin1");
    expect(binary.startsWith(`\x7fBIN\0${prefix}/share\0`)).toBe(true);
    expect(binary.length).toBe(`\x7fBIN\0${PLACEHOLDER}/share\0tail`.length);
    expect(lstatSync(join(prefix, "bin/app")).mode & 0o111).toBe(0o111);
    const meta = readdirSync(join(prefix, "conda-meta")).sort();
    expect(meta).toEqual(expect.arrayContaining(["history"]));
    const record = JSON.parse(
      readFileSync(join(prefix, "conda-meta", meta.find((name) => name.startsWith("app-1.0"))!), "utf8"),
    );
    expect(record).toMatchObject({
      name: "app",
      version: "1.0",
      requested_spec: expect.stringContaining("app"),
      url: expect.stringContaining(server.url),
      link: { type: 1 },
    });
    expect(record.files.sort()).toEqual(["bin/app", "etc/app.conf", "lib/app.bin"]);
    expect(
      record.paths_data.paths.every((entry: { sha256_in_prefix?: string }) =>
        /^[0-9a-f]{64}$/.test(entry.sha256_in_prefix ?? ""),
      ),
    ).toBe(true);
    expect(readFileSync(join(prefix, "conda-meta", "history"), "utf8")).toMatch(/\+.*::app-1\.0-/);
    expect(readFileSync(join(sandbox.home, ".conda", "environments.txt"), "utf8")).toContain(prefix);
    const cached = readdirSync(join(sandbox.root, "pkgs")).find(
      (name) => name.startsWith("app-1.0") && !/\.(conda|bz2)$/.test(name),
    )!;
    expect(
      JSON.parse(readFileSync(join(sandbox.root, "pkgs", cached, "info", "repodata_record.json"), "utf8")),
    ).toMatchObject({ name: "app", fn: expect.stringMatching(/\.conda$/) });
  });

  it("runs a program with its exit code, and sets variables", async () => {
    const ok = await sandbox.taipan("run", "-n", "one", "app");
    expect([ok.code, ok.stdout]).toEqual([0, "app 1.0\n"]);
    const missing = await sandbox.taipan("run", "-n", "one", "no-such-program");
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain("no-such-program");
  });

  it("upgrades through install and adds what is new", async () => {
    const result = await sandbox.taipan("install", "-n", "one", ...channel, "tool", "--json");
    const { actions } = result.json<{ actions: Actions }>();
    expect(names(actions.LINK)).toEqual(["app", "tool"]);
    expect(names(actions.UNLINK)).toEqual(["app"]);
    const run = await sandbox.taipanWith({ env: { GREETING: "hi" } }, "run", "-n", "one", "tool");
    expect([run.code, run.stdout]).toEqual([7, "tool: app 2.0 hi\n"]);
    expect(existsSync(join(prefixOf("one"), "etc"))).toBe(false);
  });

  it("does nothing when all is there", async () => {
    const result = await sandbox.taipan("install", "-n", "one", ...channel, "tool", "--json");
    expect(result.json()).toMatchObject({
      success: true,
      message: "All requested packages already installed",
      prefix: prefixOf("one"),
    });
  });

  it("lists as a table, as JSON, explicitly and by revision", async () => {
    const table = await sandbox.taipan("list", "-n", "one");
    expect(table.stdout).toMatch(/Name\s+Version\s+Build\s+Channel/);
    const list = await sandbox.taipan("list", "-n", "one", "--json");
    expect(
      list
        .json<{ name: string; version: string; dist_name: string }[]>()
        .map((entry) => `${entry.name} ${entry.version}`),
    ).toEqual(["app 2.0", "lib 1.1", "tool 0.1"]);
    const revisions = await sandbox.taipan("list", "-n", "one", "--revisions", "--json");
    expect(revisions.json<unknown[]>()).toHaveLength(2);
    const explicit = await sandbox.taipan("list", "-n", "one", "--explicit", "--sha256");
    const lines = explicit.stdout.trim().split("\n");
    expect(lines).toContain("@EXPLICIT");
    expect(lines.at(-1)).toMatch(/tool-0\.1-.*\.conda#[0-9a-f]{64}$/);
    writeFileSync(join(sandbox.dir, "explicit.txt"), explicit.stdout);
  });

  it("makes the same environment from the explicit list, offline", async () => {
    const result = await sandbox.taipan("create", "-n", "again", "-f", "explicit.txt", "--offline", "-y");
    expect(result.stderr).not.toContain("error:");
    expect(result.code).toBe(0);
    const [one, again] = await Promise.all(
      ["one", "again"].map((name) => sandbox.taipan("list", "-n", name, "--json")),
    );
    expect(again!.json()).toEqual(one!.json());
  });

  it("reads environment.yml with variables, and `env create` finds it by itself", async () => {
    writeFileSync(
      join(sandbox.dir, "environment.yml"),
      `name: from-file\nchannels: [${server.url}]\ndependencies:\n  - tool\nvariables:\n  GREETING: hello\nunknown_key: 1\n`,
    );
    const result = await sandbox.taipan("env", "create", "--override-channels", "-y");
    expect(result.stderr).toContain("warning:");
    expect(result.stderr).toContain("unknown_key");
    expect(result.code).toBe(0);
    const run = await sandbox.taipan("run", "-n", "from-file", "tool");
    expect([run.code, run.stdout]).toEqual([7, "tool: app 2.0 hello\n"]);
  });

  it("lists environments and names their prefixes", async () => {
    const result = await sandbox.taipan("env", "list", "--json");
    const { envs } = result.json<{ envs: string[] }>();
    expect(envs).toEqual(["again", "from-file", "one"].map(prefixOf));
    expect((await sandbox.taipan("info", "--json")).json()).toMatchObject({
      root_prefix: sandbox.root,
      "base environment": sandbox.root,
    });
  });

  it("updates, and removes packages with what needs them", async () => {
    await sandbox.taipan("create", "-n", "two", ...channel, "app=1", "lib=1.0", "-y", "-q");
    const update = await sandbox.taipan("update", "-n", "two", ...channel, "app", "--json");
    expect(
      update
        .json<{ actions: Actions }>()
        .actions.LINK?.map((entry) => `${entry.name} ${entry.version}`)
        .sort(),
    ).toEqual(expect.arrayContaining(["app 2.0"]));
    const remove = await sandbox.taipan("remove", "-n", "two", "lib", "--json");
    expect(names(remove.json<{ actions: Actions }>().actions.UNLINK)).toEqual(["app", "lib"]);
    expect(existsSync(join(prefixOf("two"), "bin", "app"))).toBe(false);
    expect(existsSync(join(prefixOf("two"), "conda-meta", "history"))).toBe(true);
  });

  it("removes environments", async () => {
    for (const args of [
      ["env", "remove", "-n", "two", "-y"],
      ["remove", "-n", "again", "--all", "-y"],
    ]) {
      const result = await sandbox.taipan(...args);
      expect(result.code).toBe(0);
    }
    expect(existsSync(prefixOf("two"))).toBe(false);
    expect(existsSync(prefixOf("again"))).toBe(false);
    expect(readFileSync(join(sandbox.home, ".conda", "environments.txt"), "utf8")).not.toContain(
      prefixOf("two"),
    );
  });

  it("searches, with a hint for what is misspelt", async () => {
    const found = await sandbox.taipan("search", "app", ...channel, "--json");
    expect(
      found.json<{ result: { pkgs: { version: string }[] } }>().result.pkgs.map((entry) => entry.version),
    ).toEqual(["2.0", "1.0"]);
    const missing = await sandbox.taipan("search", "ap", ...channel);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain("`app`");
  });

  it("fetches only, then works offline", async () => {
    const fresh = { env: { CONDA_PKGS_DIRS: join(sandbox.dir, "other-pkgs") } };
    const fetch = await sandbox.taipanWith(
      fresh,
      "create",
      "-n",
      "later",
      ...channel,
      "new-only",
      "--download-only",
      "-y",
    );
    expect(fetch.code).toBe(0);
    expect(existsSync(prefixOf("later"))).toBe(false);
    const before = server.requests.length;
    const create = await sandbox.taipanWith(
      fresh,
      "create",
      "-n",
      "later",
      ...channel,
      "new-only",
      "--offline",
      "-y",
    );
    expect(create.stderr).not.toContain("error:");
    expect(create.code).toBe(0);
    expect(server.requests.length).toBe(before);
  });

  it("offline, takes what is cached before what is newer, and names what is missing when that does not do", async () => {
    const cold = { env: { CONDA_PKGS_DIRS: join(sandbox.dir, "offline-pkgs") } };
    const run = (...args: string[]) =>
      sandbox.taipanWith(cold, "create", "-n", "old", ...channel, "-y", ...args);
    expect((await run("app=1.0", "--download-only")).code).toBe(0);
    const missing = await run("app=2.0", "--offline");
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringMatching(/app-2\.0-.*\n/)]);
    const cached = await run("app", "--offline", "--json");
    expect(cached.code, cached.stderr).toBe(0);
    const { actions } = cached.json<{ actions: { LINK: { name: string; version: string }[] } }>();
    expect(actions.LINK.find(({ name }) => name === "app")?.version).toBe("1.0");
    await sandbox.taipan("env", "remove", "-n", "old", "-y");
  });

  it("offline, a channel of lower priority gives nothing that strict priority hides", async () => {
    const only = (version: string) => buildPackage({ name: "both", version, noarch: "generic", files: [] });
    await writeChannel(join(sandbox.dir, "channel", "first"), [await only("1.0")]);
    await writeChannel(join(sandbox.dir, "channel", "second"), [await only("2.0")]);
    const cold = { env: { CONDA_PKGS_DIRS: join(sandbox.dir, "strict-pkgs") } };
    const run = (channels: readonly string[], ...args: string[]) =>
      sandbox.taipanWith(
        cold,
        ...["create", "-n", "strict", "--override-channels", "-y", "both", "--json", ...args],
        ...channels.flatMap((name) => ["-c", `${server.url}/${name}`]),
      );
    await run(["first"], "--dry-run");
    await run(["second"], "--download-only");
    const hidden = await run(["first", "second"], "--offline", "--channel-priority", "strict");
    expect([hidden.code, hidden.stdout]).toEqual([1, expect.stringContaining("both-1.0-")]);
    const free = await run(["first", "second"], "--offline", "--channel-priority", "disabled", "--dry-run");
    expect([free.code, free.stdout]).toEqual([0, expect.stringContaining("both-2.0-")]);
  });

  it("cleans the caches", async () => {
    const result = await sandbox.taipan("clean", "--all", "--yes", "--json");
    expect(result.json()).toMatchObject({ success: true });
    expect(
      existsSync(join(sandbox.root, "pkgs", "cache")) &&
        readdirSync(join(sandbox.root, "pkgs", "cache")).length,
    ).toBeFalsy();
    expect(
      readdirSync(join(sandbox.root, "pkgs")).filter((name) => /\.(conda|tar\.bz2)$/.test(name)),
    ).toEqual([]);
    // What told backup programs of a cache still does.
    expect(existsSync(join(sandbox.root, "pkgs", "CACHEDIR.TAG"))).toBe(true);
  });
});
