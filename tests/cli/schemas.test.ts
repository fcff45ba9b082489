import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS, type CommandSpec } from "../../src/cli/verbs.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV, writeWorld } from "../support/cli-world.ts";
import { runAs } from "../support/names.ts";
import { repoRoot } from "../support/shared.ts";

const SCHEMAS = join(repoRoot, "docs", "schemas");
const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
for (const file of readdirSync(SCHEMAS)) ajv.addSchema(JSON.parse(readFileSync(join(SCHEMAS, file), "utf8")));

function check(schema: string, value: unknown): void {
  const validate = ajv.getSchema(`${schema}.schema.json`)!;
  expect(validate(value) ? [] : validate.errors, `${schema}: ${JSON.stringify(value).slice(0, 400)}`).toEqual(
    [],
  );
}

let sandbox: Sandbox;
let channel: string[];
const used = new Set<string>();

beforeAll(async () => {
  sandbox = createSandbox();
  const { url } = await writeWorld(join(sandbox.dir, "channel"));
  channel = ["-c", url, "--override-channels"];
});
afterAll(() => sandbox.close());

/** Runs with --json: one document of the schema on stdout, nothing but diagnostics on stderr. */
async function runs(schema: string, args: string[], code = 0) {
  const result = await sandbox.taipanWith({ env: FIXED_ENV }, ...args, "--json");
  expect(result.code, result.stderr).toBe(code);
  const document = result.json();
  check(schema, document);
  used.add(schema);
  return { document, stderr: result.stderr };
}

describe("every document of --json has its schema", { shuffle: false }, () => {
  it("transactions", async () => {
    const dry = await runs("transaction", ["create", "-n", "e", "app=1", "libx", ...channel, "--dry-run"]);
    expect(dry.document).toMatchObject({ dry_run: true });
    await runs("transaction", ["create", "-n", "e", "app=1", "libx", ...channel]);
    await runs("transaction", ["create", "-n", "empty", "--timings"]);
    const again = await runs("transaction", ["create", "-n", "e", "app=1", "libx", ...channel]);
    expect(again.document).toMatchObject({ actions: { LINK: [{ name: "libx" }, { name: "app" }] } });
    await runs("transaction", ["install", "-n", "e", "app=2", "tool", ...channel, "--dry-run"]);
    await runs("transaction", ["install", "-n", "e", "app=2", "tool", ...channel]);
    const nothing = await runs("transaction", ["install", "-n", "e", "tool", ...channel]);
    expect(nothing.document).toMatchObject({ message: "All requested packages already installed" });
    await runs("transaction", ["update", "-n", "e", "--all", ...channel]);
    await runs("transaction", ["remove", "-n", "e", "tool", "--dry-run"]);
    const missing = await runs("transaction", ["remove", "-n", "e", "nosuch"]);
    expect(missing.document).toHaveProperty("message");
  });

  it("what is installed, and where", async () => {
    await runs("list", ["list", "-n", "e"]);
    expect((await runs("list", ["list", "-n", "e", "zzz"])).document).toEqual([]);
    await runs("list-revisions", ["list", "-n", "e", "--revisions"]);
    await runs("env-list", ["env", "list"]);
    await runs("info", ["info", "--envs"]);
    await runs("env-export", ["env", "export", "-n", "e"]);
    await runs("env-export", ["env", "export", "-n", "e", "--from-history"]);
    await runs("info", ["info"]);
    await runs("info", ["info", "-n", "e"]);
    await runs("info-base", ["info", "--base"]);
  });

  it("queries", async () => {
    const found = await runs("query", ["search", "app", ...channel]);
    expect(found.document).toMatchObject({ result: { pkgs: [{ version: "2.0" }, { version: "1.0" }] } });
    await runs("query", ["search", "nosuchpkg", ...channel]);
    await runs("query", ["repoquery", "depends", "tool", ...channel]);
    await runs("query", ["repoquery", "whoneeds", "libx", ...channel]);
    await runs("query", ["repoquery", "depends", "tool", "-n", "e"]);
  });

  it("questions about an environment and its future", async () => {
    await runs("why", ["why", "libx", "-n", "e"]);
    await runs("why", ["why", "libx", "tool", ...channel]);
    await runs("why-not", ["why-not", "libx", "-n", "e", ...channel]);
    await runs("why-not", ["why-not", "conf-a", "conf-b", ...channel], 1);
    await runs("why-not", ["why-not", "conf-a", "libx", ...channel]);
    await runs("lock", ["lock", "tool", ...channel, "-o", join(sandbox.dir, "tool-lock.yml")]);
    await runs("lock", ["lock", "tool", ...channel, "-o", "-", "--format", "pixi-lock"]);
    await runs("export-file", ["export", "-n", "e", "-f", join(sandbox.dir, "exported.yml")]);
    await runs("export-file", ["export", "-n", "e", "--format", "pixi-lock"]);
    await runs("compare", ["compare", "-n", "e", join(sandbox.dir, "exported.yml")]);
    await runs("notices", ["notices", ...channel]);
  });

  it("care of environments and packages", async () => {
    await runs("transaction", ["create", "-n", "copy", "--clone", "e"]);
    await runs("transaction", ["install", "-n", "copy", "--revision", "0"]);
    await runs("verify", ["verify", "-n", "copy"]);
    await runs("doctor", ["doctor", "-n", "copy"]);
    await runs("rename", ["rename", "-n", "copy", "moved"]);
    await runs("env-remove", ["env", "remove", "-n", "moved"]);
    const explicit = await sandbox.taipanWith({ env: FIXED_ENV }, "list", "-n", "e", "--explicit", "--json");
    const [url] = explicit.json<string[]>();
    const archive = fileURLToPath(url!);
    await runs("package-archive", ["package", "extract", archive, join(sandbox.dir, "extracted")]);
    const prefix = join(sandbox.dir, "installer");
    mkdirSync(join(prefix, "pkgs"), { recursive: true });
    copyFileSync(archive, join(prefix, "pkgs", basename(archive)));
    await runs("constructor", ["constructor", "-p", prefix, "--extract-conda-pkgs"]);
  });

  it("configuration", async () => {
    const rc = ["--file", join(sandbox.dir, "rc.yml")];
    await runs("config-change", ["config", "set", "channel_priority", "strict", ...rc]);
    await runs("config-change", ["config", "append", "channels", "a", ...rc]);
    await runs("config-change", ["config", "remove-key", "offline", ...rc]);
    await runs("config-edit", ["config", "--add", "channels", "b", "--set", "offline", "true", ...rc]);
    const got = await runs("config-edit", ["config", "--get", "channels", ...rc]);
    expect(got.document).toMatchObject({ get: { channels: ["b", "a"] } });
    await runs("config-values", ["config", "get", "channels", ...rc]);
    await runs("config-values", ["config", "list", "--all"]);
    await runs("config-values", ["config", "--show"]);
    await runs("config-values", ["config", "--show", "channels"]);
    await runs("config-sources", ["config", "sources"]);
    await runs("config-show-sources", ["config", "--show-sources"]);
    await runs("config-describe", ["config", "describe"]);
    await runs("config-describe", ["config", "--describe", "channel_priority"]);
    await runs("config-validate", ["config", "--validate"]);
    writeFileSync(join(sandbox.home, ".condarc"), "chanels: [x]\n");
    const wrong = await runs("config-validate", ["config", "--validate"], 1);
    expect(wrong.document).toMatchObject({ success: false, warnings: [{ code: "config-unknown-key" }] });
    rmSync(join(sandbox.home, ".condarc"));
  });

  it("shells, variables, logins and processes", async () => {
    await runs("env-vars-change", ["env", "config", "vars", "set", "-n", "e", "A=1"]);
    await runs("env-vars", ["env", "config", "vars", "list", "-n", "e"]);
    await runs("env-vars-change", ["env", "config", "vars", "unset", "-n", "e", "A"]);
    for (const what of [["hook"], ["activate", "e"], ["deactivate"], ["reactivate"]])
      await runs("shell", ["shell", ...what, "-s", "bash"]);
    await runs("shell-init", ["shell", "init", "-s", "bash", "--dry-run"]);
    await runs("shell-init", ["init", "bash"]);
    await runs("shell-init", ["shell", "reinit"]);
    await runs("shell-init", ["shell", "deinit", "-s", "bash"]);
    await runs("long-paths", ["shell", "enable_long_path_support"]);
    await runs("auth", ["auth", "login", "repo.example.com", "--token", "t"]);
    await runs("auth", ["auth", "list"]);
    await runs("auth", ["auth", "logout", "repo.example.com"]);
    const started = await sandbox.taipan("run", "-n", "e", "--detach", "--label", "sleeper", "sleep", "60");
    expect(started.code, started.stderr).toBe(0);
    const { document } = await runs("ps", ["ps"]);
    expect(document).toMatchObject({ processes: [{ name: "sleeper", command: ["sleep", "60"] }] });
    await runs("ps-stop", ["ps", "stop", "sleeper"]);
    await runs("ps", ["ps", "list"]);
  });

  it("who has a file or a package", async () => {
    await runs("package-which", ["package", "-n", "e", "--which", "share/app/f.txt"]);
    await runs("package-which", ["package", "-n", "e", "--which", "share/no"], 1);
    await runs("search-envs", ["search", "--envs", "app"]);
    await runs("search-envs", ["search", "--envs", "nosuch"]);
    const asConda = await runAs(sandbox, "conda", ["search", "app", ...channel, "--json"], FIXED_ENV);
    check("search-conda", JSON.parse(asConda.stdout));
    used.add("search-conda");
    const install = ["create", "-n", "as-conda", "-y", ...channel, "libx", "--json"];
    for (const words of [install, install.with(0, "install")]) {
      const { stdout } = await runAs(sandbox, "conda", words, FIXED_ENV);
      check("transaction", JSON.parse(stdout));
    }
  });

  it("has every command in the table of docs/json.md", () => {
    const table = readFileSync(join(repoRoot, "docs/json.md"), "utf8").split("\n## ")[0]!;
    // These start or print something else than a document.
    const none = ["run", "activate", "deactivate", "reactivate", "self-update", "completer", "shell"];
    const leaves = (specs: readonly CommandSpec[], path: string): string[] =>
      specs.flatMap((spec) => (spec.commands ? leaves(spec.commands, spec.name) : [`${path} ${spec.name}`]));
    const missing = leaves(COMMANDS, "").filter((leaf) => {
      const name = leaf.trim().split(" ").at(-1)!;
      return !none.includes(name) && !new RegExp(`[\`, ]${name}[\`, |]`).test(table);
    });
    expect(missing).toEqual([]);
  });

  it("failures", async () => {
    const unsatisfiable = await runs("error", ["create", "-n", "no", "conf-a", "conf-b", ...channel], 1);
    expect(unsatisfiable.document).toMatchObject({ exception_name: "UnsatisfiableError" });
    const unknown = await runs("error", ["create", "-n", "no", "nosuchpkg", ...channel], 1);
    expect(unknown.document).toMatchObject({ packages: ["nosuchpkg"], code: "package-not-found" });
    await runs("error", ["list", "-n", "nowhere"], 1);
    await runs("error", ["create", "-n", "no", "app==1=2=3=4", ...channel], 1);
    await runs("error", ["create", "-n", "no", "app", "-c", "file:///nowhere", "--override-channels"], 1);
    const usage = await runs("error", ["create", "--no-such-option"], 2);
    expect(usage.document).toMatchObject({ code: "usage" });
    expect((await runs("error", ["isntall"], 2)).document).toMatchObject({ hint: "did you mean `install`?" });
  });

  it("lists of lines, and environments that are ill", async () => {
    await runs("lines", ["list", "-n", "e", "--explicit"]);
    await runs("lines", ["list", "-n", "e", "--canonical"]);
    await runs("lines", ["export", "-n", "e", "--format", "explicit"]);
    await runs("transaction", ["create", "-n", "ill", "libx", ...channel]);
    rmSync(join(sandbox.root, "envs", "ill", "share"), { recursive: true });
    await runs("verify", ["verify", "-n", "ill"], 1);
    await runs("doctor", ["doctor", "-n", "ill"], 1);
    await runs("doctor-list", ["doctor", "--list"]);
    await runs("package-untracked", ["package", "-n", "ill", "--untracked"]);
    await runs("info-licenses", ["info", "--licenses"]);
    await runs("lines", ["commands"]);
  });

  it("clean and removal", async () => {
    await runs("clean", ["clean", "--all", "--dry-run"]);
    await runs("clean", ["clean", "--older-than", "1d", "--max-size", "1k", "--dry-run"]);
    await runs("clean", ["clean", "--index-cache"]);
    await runs("clean", ["clean", "--all"]);
    await runs("env-remove", ["env", "remove", "-n", "e", "--dry-run"]);
    await runs("env-remove", ["env", "remove", "-n", "e"]);
    await runs("env-remove", ["remove", "-n", "empty", "--all"]);
  });

  it("has no schema that nothing uses", () => {
    const names = readdirSync(SCHEMAS).map((file) => file.replace(".schema.json", ""));
    expect(names.filter((name) => !used.has(name) && !["events", "package"].includes(name))).toEqual([]);
  });
});

describe("--json-events", () => {
  const eventsOf = (stderr: string) =>
    stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string });

  it("writes nothing but events to stderr, in order", async () => {
    const args = ["create", "-n", "ev", "tool", ...channel, "--json-events", "--yes"];
    // A package cache of its own, so that there is something to fetch.
    const env = { ...FIXED_ENV, CONDA_PKGS_DIRS: join(sandbox.dir, "pkgs") };
    const result = await sandbox.taipanWith({ env }, ...args);
    expect(result.code, result.stderr).toBe(0);
    const events = eventsOf(result.stderr);
    for (const event of events) check("events", event);
    const phases = events.flatMap((event) =>
      event.type === "phase"
        ? [
            `${(event as never as { phase: string; state: string }).phase} ${(event as never as { state: string }).state}`,
          ]
        : [],
    );
    expect(phases).toEqual(
      ["repodata", "solve", "fetch", "link"].flatMap((phase) => [`${phase} start`, `${phase} end`]),
    );
    expect(new Set(events.map(({ type }) => type))).toEqual(
      new Set(["phase", "repodata", "totals", "fetch", "extract", "link"]),
    );
  });

  it("goes with --json, whose document is alone on stdout", async () => {
    const result = await sandbox.taipanWith(
      { env: FIXED_ENV },
      ...["create", "-n", "both", "app", ...channel, "--progress", "json", "--json"],
    );
    check("transaction", result.json());
    for (const event of eventsOf(result.stderr)) check("events", event);
  });

  it("ends with the failure", async () => {
    const args = ["create", "-n", "no", "conf-a", "conf-b", ...channel, "--json-events", "--yes"];
    const result = await sandbox.taipanWith({ env: FIXED_ENV }, ...args);
    expect(result.code).toBe(1);
    const events = eventsOf(result.stderr);
    for (const event of events) check("events", event);
    expect(events.at(-1)).toMatchObject({ type: "error", code: "unsatisfiable" });
  });
});
