/** File systems that refuse what others allow: what is of no consequence is done without, what is not is told in words. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { type CliResult, createSandbox, type Sandbox } from "../support/cli.ts";
import { repoRoot } from "../support/shared.ts";

const PLACEHOLDER = `/opt/build_${"placehold_".repeat(22)}`;
const PRELOAD = join(repoRoot, "tests/support/refuse.cjs");

interface Refusal {
  /** Of node:fs; of its promises where the name has no `Sync`. */
  call: string;
  code: string;
  /** Of the paths that it is refused for; default: all. */
  path?: string;
}

let sandbox: Sandbox;
let server: ChannelServer;
let round = 0;

beforeAll(async () => {
  sandbox = createSandbox();
  const noarch = "generic" as const;
  const channel = join(sandbox.dir, "channel");
  await writeChannel(
    channel,
    await Promise.all([
      buildPackage({
        name: "lib",
        version: "1.0",
        noarch,
        files: [
          { path: "share/lib/text", content: "lib\n", mode: 0o664 },
          { path: "share/lib/link", symlink: "text" },
        ],
      }),
      buildPackage({
        name: "app",
        version: "1.0",
        noarch,
        depends: ["lib"],
        prefixPlaceholder: PLACEHOLDER,
        files: [
          { path: "bin/app", content: `#!/bin/sh\necho ${PLACEHOLDER}\n`, mode: 0o775 },
          // Where scripts run there is a journal on the disk before.
          { path: "bin/.app-post-link.sh", content: '#!/bin/sh\n: > "$PREFIX/linked"\n', mode: 0o755 },
        ],
      }),
      buildPackage({
        name: "foreign",
        version: "1.0",
        noarch,
        files: { "share/foreign/mine": "", "share/foreign/theirs": "", "share/foreign/in-use/mine": "" },
      }),
      buildPackage({ name: "plain", version: "1.0", noarch, files: { "share/plain": "plain\n" } }),
    ]),
  );
  server = await startServer({ root: channel });
});
afterAll(async () => {
  await server?.close();
  sandbox.close();
});

/** A root prefix of its own in each round: a package that is cached is not extracted again. */
function rooted(
  refusals: readonly Refusal[],
  root = join(sandbox.dir, `root-${round++}`),
): { root: string; run(...args: string[]): Promise<CliResult> } {
  const env = {
    MAMBA_ROOT_PREFIX: root,
    NODE_OPTIONS: `--require ${JSON.stringify(PRELOAD)}`,
    TAIPAN_TEST_REFUSALS: JSON.stringify(refusals),
  };
  return { root, run: (...args) => sandbox.taipanWith({ env }, ...args) };
}

const create = (...specs: string[]): string[] => [
  ...["create", "-y", "-n", "e", "--override-channels", "-c", server.url],
  ...specs,
];

const every = (calls: string, code: string): Refusal[] => calls.split(" ").map((call) => ({ call, code }));

it.each<[string, Refusal[]]>([
  ["links between directories are refused (AFS)", every("linkSync", "EXDEV")],
  ["no hard links (exFAT, SMB)", every("linkSync", "EPERM")],
  ["no fsync (FUSE, 9p)", every("fsyncSync", "EINVAL")],
  [
    "modes, owners and times cannot be set (root squash)",
    every("chmodSync fchmodSync chownSync utimesSync futimesSync chmod utimes", "EPERM"),
  ],
  [
    "files that somebody has open keep their directory (NFS)",
    every("rmdirSync rmSync unlinkSync rm", "EBUSY").map((each) => ({
      ...each,
      path: "pkgs/\\.taipan-[^/]+(/[^/]+\\.claim)?$",
    })),
  ],
])("%s: environments are made, changed and removed all the same", async (_, refusals) => {
  const { root, run } = rooted(refusals);
  const made = await run(...create("app"));
  expect(made.code, made.stderr).toBe(0);
  const prefix = join(root, "envs", "e");
  expect(readFileSync(join(prefix, "bin/app"), "utf8")).toContain(prefix);
  expect(readFileSync(join(prefix, "share/lib/link"), "utf8")).toBe("lib\n");
  const verified = await run("verify", "-n", "e");
  expect(verified.code, verified.stdout).toBe(0);
  const removed = await run("remove", "-y", "-n", "e", "app");
  expect(removed.code, removed.stderr).toBe(0);
  const gone = await run("env", "remove", "-y", "-n", "e");
  expect(gone.code, gone.stderr).toBe(0);
  expect(readdirSync(join(root, "envs")).filter((name) => !name.startsWith("."))).toEqual([]);
});

it.each<[string, Refusal, string, RegExp]>([
  [
    "a quota that is used up",
    { call: "writeSync", code: "EDQUOT" },
    "disk-full",
    /no space left .*\(quota\)/,
  ],
  [
    "a file that the server lost",
    { call: "rename", code: "ESTALE", path: "app-1\\.0-0$" },
    "io-error",
    /stale file handle/,
  ],
  ["a failing disk", { call: "fsyncSync", code: "EIO" }, "io-error", /EIO/],
])("%s is told in words, and leaves nothing", async (_, refusal, code, words) => {
  const { root, run } = rooted([refusal]);
  const failed = await run(...create("app"), "--json");
  expect(failed.code).toBe(1);
  expect(failed.json()).toMatchObject({ code, message: expect.stringMatching(words) });
  expect(readdirSync(join(root, "pkgs")).filter((name) => name.startsWith(".taipan"))).toEqual([]);
});

it("a file system without symbolic links is told as such, and packages without any install", async () => {
  const { run } = rooted(every("symlinkSync", "EPERM"));
  const failed = await run(...create("app"), "--json");
  expect(failed.json()).toMatchObject({
    code: "io-error",
    message: expect.stringContaining("its file system has none"),
  });
  const made = await run(...create("plain"));
  expect(made.code, made.stderr).toBe(0);
});

it("what cannot be deleted, as another user owns it or something uses it, stops no later change", async () => {
  const refusals = [
    { call: "unlinkSync", code: "EACCES", path: "/theirs$" },
    { call: "rmdirSync", code: "EBUSY", path: "/in-use$" },
  ];
  const { root, run } = rooted(refusals);
  const [envs, meta] = [join(root, "envs"), join(root, "envs", "e", "conda-meta")];
  const leftIn = (directory: string) => readdirSync(directory).filter((name) => name.includes("taipan"));
  expect((await run(...create("foreign"))).code).toBe(0);
  const removed = await run("remove", "-y", "-n", "e", "foreign");
  expect([removed.code, removed.stderr]).toEqual([0, expect.stringContaining(join(meta, ".taipan-left-1"))]);
  const files = readdirSync(join(meta, ".taipan-left-1"), { recursive: true }).map(String);
  expect(
    files
      .filter((path) => /theirs|in-use|mine/.test(path))
      .map((path) => basename(path))
      .sort(),
  ).toEqual(["in-use", "theirs"]);
  // Once it may be deleted, the next change does that.
  const own = rooted([], root);
  expect((await own.run(...create("plain"))).stderr).not.toContain("left");
  expect(leftIn(meta)).toEqual([]);
  expect((await own.run(...create("foreign"))).code).toBe(0);
  const gone = await run("env", "remove", "-y", "-n", "e");
  expect([gone.code, gone.stderr]).toEqual([0, expect.stringContaining(join(envs, ".e.taipan-left-1"))]);
  expect((await run(...create("foreign"))).code).toBe(0);
  expect((await run("env", "remove", "-y", "-n", "e")).code).toBe(0);
  expect(leftIn(envs).sort()).toEqual([".e.taipan-left-1", ".e.taipan-left-2"]);
  // Not even with a conda-meta in it.
  mkdirSync(join(envs, ".e.taipan-left-1", "conda-meta"), { recursive: true });
  expect((await run("env", "list")).stdout).not.toContain("taipan-left");
});

it("clean leaves what another user's directory permissions keep, says so, and removes the rest", async () => {
  const { root, run } = rooted([]);
  expect((await run(...create("app", "plain"))).code).toBe(0);
  expect((await run("env", "remove", "-y", "-n", "e")).code).toBe(0);
  const neighbour = rooted([{ call: "rename", code: "EACCES", path: "pkgs/app-1\\.0-0$" }], root);
  const cleaned = await neighbour.run("clean", "-y", "--all");
  expect([cleaned.code, cleaned.stderr]).toEqual([0, expect.stringContaining("what other users own")]);
  expect(cleaned.stderr).toContain(join(root, "pkgs", "app-1.0-0"));
  const left = readdirSync(join(root, "pkgs")).filter((name) => !/^(CACHEDIR\.TAG|urls.*)$/.test(name));
  expect(left).toEqual(["app-1.0-0"]);
});
