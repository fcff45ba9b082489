import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { asToolError, errorDocument, renderError } from "../../src/cli/render/error.ts";
import { fromSystemError, ToolError } from "../../src/errors.ts";
import { checkPackageName } from "../../src/specs/names.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV, writeWorld } from "../support/cli-world.ts";
import { repoRoot } from "../support/shared.ts";

/** Transcripts of whole commands. `npx vitest run tests/cli/golden.test.ts -u` writes them anew; look at the difference before it is kept. */
let sandbox: Sandbox;
let ofFailures: Sandbox;
let server: ChannelServer;
let channel: string[];
let world: string;

beforeAll(async () => {
  sandbox = ofFailures = createSandbox();
  world = join(sandbox.dir, "channel");
  const { url } = await writeWorld(world);
  channel = ["-c", url, "--override-channels"];
  server = await startServer({
    root: world,
    handler: (request, response) => {
      const status = /^\/status-(\d+)\//.exec(request.url ?? "")?.[1];
      if (status) response.writeHead(Number(status)).end();
      return status !== undefined;
    },
  });
  await prepare();
});

afterAll(async () => {
  await server.close();
  sandbox.close();
});

const env = { ...FIXED_ENV, MAMBA_REMOTE_MAX_RETRIES: "0", MAMBA_LOCK_TIMEOUT: "1" };

/** Environments and files that the failures need. */
async function prepare(): Promise<void> {
  const { dir, root } = sandbox;
  const quietly = async (...args: string[]) => {
    const result = await sandbox.taipanWith({ env }, ...args, "--yes", "--quiet");
    if (result.code !== 0) throw new Error(result.stderr);
  };
  for (const name of ["corrupt", "frozen", "busy"])
    await quietly("create", "-n", name, "libx=1.0", ...channel);
  const meta = (name: string, file: string) => join(root, "envs", name, "conda-meta", file);
  writeFileSync(meta("corrupt", "libx-1.0-0.json"), '{"name": "libx"');
  writeFileSync(meta("frozen", "frozen"), '{"message": "ask the admins"}');
  writeFileSync(
    meta("busy", ".taipan-lock"),
    JSON.stringify({ pid: process.pid, host: hostname(), since: new Date().toISOString() }),
  );
  mkdirSync(join(dir, "full"));
  writeFileSync(join(dir, "full", "thesis.tex"), "");
  writeFileSync(join(dir, "bad.yml"), "name: x\ndependencies:\n  - [\n");
  writeFileSync(join(dir, "bad.condarc"), "channels: {\n");
  writeFileSync(
    join(dir, "pip.yml"),
    `channels: [file://${join(dir, "odd")}, nodefaults]\ndependencies:\n  - clash-a\n  - pip:\n    - requests\n`,
  );
  mkdirSync(join(dir, "garbage", "noarch"), { recursive: true });
  writeFileSync(join(dir, "garbage", "noarch", "repodata.json"), "<html>");
  await writeOddPackages(join(dir, "odd"));
}

/** Packages that cannot be installed, each for a reason of its own. */
async function writeOddPackages(directory: string): Promise<void> {
  const common = { noarch: "generic" as const, version: "1.0" };
  const same = [{ path: "etc/shared.conf", content: "a" }];
  const broken = await buildPackage({ name: "rotten", ...common, files: [] });
  const swapped = await buildPackage({ name: "swapped", ...common, files: [] });
  const packages = [
    await buildPackage({ name: "pip", ...common, files: [] }),
    await buildPackage({ name: "clash-a", ...common, files: same }),
    await buildPackage({ name: "clash-b", ...common, files: [{ path: "etc/shared.conf", content: "b" }] }),
    await buildPackage({
      name: "script",
      ...common,
      files: [],
      linkScripts: { "post-link": "#!/bin/sh\necho no licence found\nexit 3\n" },
    }),
    await buildPackage({
      name: "escape",
      ...common,
      files: [],
      editPaths: () => [{ _path: "../../outside", path_type: "hardlink", sha256: "", size_in_bytes: 0 }],
    }),
    swapped,
  ];
  const garbage = Buffer.from("this is no archive, whatever its name says");
  const { createHash } = await import("node:crypto");
  const hash = (kind: string) => createHash(kind).update(garbage).digest("hex");
  const record = { ...broken.record, size: garbage.length, md5: hash("md5"), sha256: hash("sha256") };
  await writeChannel(directory, [...packages, { fn: broken.fn, record, bytes: garbage }]);
  writeFileSync(join(directory, "noarch", swapped.fn), Buffer.alloc(swapped.bytes.length, 1));
}

/** What differs from run to run and from machine to machine. */
function masked(text: string): string {
  return (
    text
      .replace(
        /(^ {2}\S+\/(noarch|linux-64) {2}.*\n)+/gm,
        (lines) => `${lines.trimEnd().split("\n").sort().join("\n")}\n`,
      )
      .replace(/─{3,}/g, "───")
      .replaceAll(sandbox.dir, "<DIR>")
      .replaceAll(join(world, ".."), "<DIR>")
      .replaceAll(repoRoot, "<CHECKOUT>")
      .replaceAll(server.url, "<SERVER>")
      .replaceAll(hostname(), "<HOST>")
      .replace(/\b\d+(\.\d+)? (kB|MB|B)\b/g, "<SIZE>")
      // The rate is shown only where fetching took more than half a second.
      .replace(/ \(<SIZE>\/s\)/g, "")
      .replace(/ {2,}<SIZE>/g, "  <SIZE>")
      .replace(/\bin \d+(\.\d+)? s\b/g, "in <TIME>")
      .replace(/\b(process|pid) \d+/gi, "$1 <PID>")
      .replace(/[0-9a-f]{32,64}/g, "<HASH>")
      .replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?/g, "<DATE>")
      .replace(/taipan \d+\.\d+\.\d+/g, "taipan <VERSION>")
  );
}

async function transcript(args: string[], extra: Record<string, string> = {}, input = "") {
  const result = await sandbox.taipanWith({ env: { ...env, ...extra }, input }, ...args);
  const part = (title: string, text: string) => (text === "" ? "" : `--- ${title}\n${text}`);
  const shown = args.map((arg) => (/[\s*]/.test(arg) ? `'${arg}'` : arg)).join(" ");
  const text = `$ taipan ${shown}\n${part("stdout", result.stdout)}${part("stderr", result.stderr)}--- exit ${result.code}\n`;
  return { text: masked(text), result };
}

const golden = (name: string) => join(repoRoot, "tests/cli/golden", `${name}.txt`);

describe("a session", { shuffle: false }, () => {
  // What the other commands leave in the cache and make of environments must not show in its lists.
  beforeAll(async () => {
    sandbox = createSandbox();
    await prepare();
  });
  afterAll(() => {
    sandbox.close();
    sandbox = ofFailures;
  });
  const steps: [name: string, ...args: string[]][] = [
    ["create", "create", "-n", "sci", "app=1", "--yes"],
    ["create-dry-run", "create", "-n", "other", "tool", "--dry-run"],
    ["create-declined", "create", "-n", "other", "tool"],
    ["create-unanswered", "create", "-n", "unanswered", "libx"],
    ["create-replace-unanswered", "create", "-n", "sci", "libx=1.0"],
    ["install-dry-run", "install", "-n", "sci", "tool", "--dry-run"],
    ["install", "install", "-n", "sci", "tool", "libx=1.1", "--yes"],
    ["install-nothing", "install", "-n", "sci", "tool"],
    ["downgrade", "install", "-n", "sci", "app=1", "--yes"],
    ["remove-missing", "remove", "-n", "sci", "ap"],
    ["remove", "remove", "-n", "sci", "libx", "--yes"],
    ["create-quiet", "create", "-n", "quiet", "libx", "--quiet"],
    ["search", "search", "app"],
    ["search-none", "search", "ap"],
    ["list", "list", "-n", "quiet"],
    ["env-list", "env", "list"],
    ["clean-dry-run", "clean", "--all", "--dry-run"],
    ["env-remove", "env", "remove", "-n", "quiet", "--yes"],
  ];
  for (const [name, command, ...rest] of steps) {
    it(name, async () => {
      const more = ["create", "install", "search"].includes(command!) ? channel : [];
      const { text } = await transcript(
        [command!, ...rest, ...more],
        {},
        name === "create-declined" ? "maybe\nno\n" : "",
      );
      await expect(text).toMatchFileSnapshot(golden(name));
    });
  }
});

describe("help", () => {
  it("begins with examples of a session and fits a terminal", async () => {
    const { code, stdout, stderr } = await sandbox.taipan("--help");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Examples:\n  taipan create -n sci");
  });

  it("has examples with every command that has options to show", async () => {
    const { stdout, code } = await sandbox.taipan("create", "--help");
    expect(code).toBe(0);
    expect(stdout).toContain("Examples:\n  taipan create -n sci -c conda-forge python=3.12 numpy");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  it("is what a group of commands answers, on stderr and with code 2", async () => {
    const { stdout, stderr, code } = await sandbox.taipan("env");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: taipan env/);
  });
});

/** Failures of real commands, by code. Those below them cannot be brought about on every machine. */
const FAILURES: [code: ToolError["code"], name: string, args: () => string[]][] = [
  ["usage", "usage-option", () => ["create", "--chanel", "x"]],
  ["usage", "usage-command", () => ["isntall"]],
  ["usage", "usage-no-name", () => ["create", "libx", ...channel]],
  ["not-implemented", "not-implemented", () => ["self-update"]],
  ["parse-error", "parse-error", () => ["create", "-n", "x", "app==1=2=3=4", ...channel]],
  ["env-file-invalid", "env-file-invalid", () => ["create", "-n", "x", "-f", "bad.yml"]],
  ["config-invalid", "config-invalid", () => ["info", "--rc-file", "bad.condarc"]],
  ["package-not-found", "package-not-found", () => ["create", "-n", "x", "ap", ...channel]],
  ["unsatisfiable", "unsatisfiable", () => ["create", "-n", "x", "conf-a", "conf-b", ...channel]],
  ["unsatisfiable", "unsatisfiable-dependency", () => ["create", "-n", "x", "broken", ...channel]],
  [
    "channel-invalid",
    "channel-invalid",
    () => ["create", "-n", "x", "libx", "-c", "ftp://h/c", "--override-channels"],
  ],
  ["channel-unreachable", "channel-unreachable", () => onServer("http://127.0.0.1:1/c")],
  ["http-error", "http-error", () => onServer(`${server.url}/status-500/c`)],
  ["auth-error", "auth-error", () => onServer(`${server.url}/status-401/c`)],
  ["offline-missing", "offline-missing", () => [...onServer(`${server.url}/never`), "--offline"]],
  ["repodata-invalid", "repodata-invalid", () => odd("libx", "garbage")],
  ["checksum-mismatch", "checksum-mismatch", () => odd("swapped")],
  ["archive-invalid", "archive-invalid", () => odd("rotten")],
  ["archive-unsafe-path", "archive-unsafe-path", () => odd("escape")],
  ["script-failed", "script-failed", () => odd("script")],
  ["clobber", "clobber", () => odd("clash-a", "odd", "clash-b")],
  ["environment-not-found", "environment-not-found", () => ["list", "-n", "frosen"]],
  [
    "environment-frozen",
    "environment-frozen",
    () => ["install", "-n", "frozen", "libx=1.1", "--yes", ...channel],
  ],
  ["environment-corrupt", "environment-corrupt", () => ["list", "-n", "corrupt"]],
  ["not-an-environment", "not-an-environment", () => ["create", "-p", "full", "libx", "--yes", ...channel]],
  ["package-not-installed", "package-not-installed", () => ["why", "-n", "frozen", "lib"]],
  ["pip-failed", "pip-failed", () => ["create", "-n", "piped", "-f", "pip.yml", "--yes"]],
  ["locked", "locked", () => ["install", "-n", "busy", "libx=1.1", "--yes", ...channel]],
];

const onServer = (url: string) => ["create", "-n", "x", "libx", "-c", url, "--override-channels"];
const odd = (name: string, folder = "odd", ...more: string[]) => [
  ...["create", "-n", "x", name, ...more, "--yes"],
  ...["-c", `file://${join(sandbox.dir, folder)}`, "--override-channels"],
];

const CONSTRUCTED: [code: ToolError["code"], make: () => unknown][] = [
  ["unsafe-name", () => thrown(() => checkPackageName("../evil"))],
  ["disk-full", () => fromSystemError(systemError("ENOSPC"), "write", "/data/envs/x/lib/big.so")],
  ["permission-denied", () => fromSystemError(systemError("EACCES"), "create", "/opt/conda/envs/x")],
  ["io-error", () => fromSystemError(systemError("EIO"), "read", "/data/pkgs/x.conda")],
  [
    "solver-timeout",
    () =>
      new ToolError("solver-timeout", "there was no solution within 60 s", {
        hint: "give --solver-timeout more seconds",
      }),
  ],
  [
    "signature-invalid",
    () =>
      new ToolError("signature-invalid", "`app-1.0-0.conda` has 0 of the 1 signatures it needs", {
        hint: "without --verify-artifacts only its hash is checked",
      }),
  ],
  [
    "environment-changed",
    () =>
      new ToolError(
        "environment-changed",
        "another program has installed `libx-1.1-0` in `/opt/conda/envs/x` meanwhile",
      ),
  ],
  ["environment-exists", () => new ToolError("environment-exists", "`/opt/conda/envs/x` exists already")],
  ["interrupted", () => new DOMException("This operation was aborted", "AbortError")],
  ["internal", () => new TypeError("x is not a function")],
];

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: it did not work`), { code });
}

function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

const PLAIN = { bold: String, dim: String, red: String, green: String, yellow: String, cyan: String };

describe("every failure says what and what to do", { shuffle: false }, () => {
  for (const [code, name, args] of FAILURES) {
    it(name, async () => {
      const extra: Record<string, string> = code === "clobber" ? { CONDA_PATH_CONFLICT: "prevent" } : {};
      const { text, result } = await transcript(args(), extra);
      expect(result.stdout).not.toMatch(/^error/m);
      expect(result.stderr).toMatch(/^error: /m);
      expect(result.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
      expect([1, 2]).toContain(result.code);
      // Of two subdirs that fail at once, either may be the first.
      const either = [
        "auth-error",
        "channel-invalid",
        "channel-unreachable",
        "http-error",
        "offline-missing",
      ].includes(code)
        ? text.replace(/\/(linux-64|noarch)\b/g, "/<SUBDIR>")
        : text;
      await expect(either).toMatchFileSnapshot(golden(`error-${name}`));
      // The same with --json: one document, the same code and words.
      const json = await sandbox.taipanWith({ env: { ...env, ...extra } }, ...args(), "--json");
      expect(json.json()).toMatchObject({ success: false, code });
      expect(json.code).toBe(result.code);
    });
  }

  for (const [code, make] of CONSTRUCTED) {
    it(code, async () => {
      const error = asToolError(make())!;
      expect(error.code).toBe(code);
      expect(errorDocument(error)).toMatchObject({ success: false, code });
      await expect(renderError(error, PLAIN)).toMatchFileSnapshot(golden(`error-${code}`));
    });
  }

  it("has an example of every code", () => {
    const source = readFileSync(join(repoRoot, "src/errors.ts"), "utf8").split("export interface")[0]!;
    const codes = [...source.matchAll(/\| "([a-z-]+)"/g)].map((match) => match[1]);
    const shown = new Set<string>([...FAILURES, ...CONSTRUCTED].map(([code]) => code));
    expect(codes.filter((code) => !shown.has(code!))).toEqual([]);
  });

  it("shows causes and stacks with -vv only", () => {
    const cause = new Error("the disk is on fire");
    const error = new ToolError("pip-failed", "pip failed", { cause });
    expect(renderError(error, PLAIN, 1)).toBe("error: pip failed\n");
    expect(renderError(error, PLAIN, 2)).toContain("Error: the disk is on fire\n    at ");
  });
});
