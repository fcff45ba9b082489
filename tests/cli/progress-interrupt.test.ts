import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV } from "../support/cli-world.ts";

/** Ctrl-C while a command works: the environment is the old one or the new one, and the last line says what happened. */
let sandbox: Sandbox;
let server: ChannelServer;
let channel: string[];

const FILES = 600;

beforeAll(async () => {
  sandbox = createSandbox();
  const root = join(sandbox.dir, "channel");
  const many = (version: string) =>
    Array.from({ length: FILES }, (_, i) => ({ path: `share/many/${i}.txt`, content: `${version} ${i}\n` }));
  const slow = Buffer.alloc(400_000);
  for (let i = 0; i < slow.length; i += 4) slow.writeUInt32LE((i * 2654435761) >>> 0, i);
  const packages = [
    await buildPackage({ name: "many", version: "1.0", noarch: "generic", files: many("1.0") }),
    await buildPackage({ name: "many", version: "2.0", noarch: "generic", files: many("2.0") }),
    await buildPackage({
      name: "slow",
      version: "1.0",
      noarch: "generic",
      files: [{ path: "share/slow", content: slow }],
    }),
  ];
  await writeChannel(root, packages);
  server = await startServer({
    root,
    faults: [{ match: /\/slow-/, times: 1000, drip: { bytes: 2000, ms: 100 } }],
  });
  channel = ["-c", server.url, "--override-channels", "--yes"];
});

afterAll(async () => {
  await server.close();
  sandbox.close();
});

const lastLine = (text: string) => text.trimEnd().split("\n").at(-1);

it("ends a download: no environment, no left-overs, code 130", async () => {
  const result = await sandbox.taipanWith(
    { env: FIXED_ENV, kill: { after: /Downloading/, signal: "SIGINT" } },
    ...["create", "-n", "a", "slow", ...channel],
  );
  expect(result.code, result.stderr).toBe(130);
  expect(lastLine(result.stderr)).toMatch(/^error: .*interrupted/);
  expect(result.stderr).not.toMatch(/^\s+at /m);
  expect(existsSync(join(sandbox.root, "envs", "a"))).toBe(false);
  const left = readdirSync(join(sandbox.root, "pkgs"), { recursive: true }).map(String);
  expect(left.filter((path) => path.includes("slow-1.0"))).toEqual([]);
});

it("is one document with --json", async () => {
  const events = ["--json-events", "--json"];
  const result = await sandbox.taipanWith(
    { env: FIXED_ENV, kill: { after: /"fetch","id":"slow/, signal: "SIGTERM" } },
    ...["create", "-n", "a", "slow", ...channel, ...events],
  );
  expect(result.code, result.stderr).toBe(130);
  expect(result.json()).toMatchObject({ success: false, code: "interrupted" });
  expect(JSON.parse(lastLine(result.stderr)!)).toMatchObject({ type: "error", code: "interrupted" });
});

it("leaves the old environment or the new one when it comes while packages are linked", async () => {
  const prefix = join(sandbox.root, "envs", "b");
  const first = await sandbox.taipanWith({ env: FIXED_ENV }, "create", "-n", "b", "many=1.0", ...channel);
  expect(first.code, first.stderr).toBe(0);
  const result = await sandbox.taipanWith(
    { env: FIXED_ENV, kill: { after: /"type":"link"/, signal: "SIGINT" } },
    ...["install", "-n", "b", "many=2.0", ...channel, "--json-events"],
  );
  const records = readdirSync(join(prefix, "conda-meta")).filter((name) => name.endsWith(".json"));
  expect(records).toHaveLength(1);
  const version = /^many-(.+)-0\.json$/.exec(records[0]!)![1]!;
  // It may have come too late to stop anything; then the command has succeeded.
  expect([result.code, version], result.stderr).toEqual(version === "1.0" ? [130, "1.0"] : [0, "2.0"]);
  if (result.code === 130)
    expect(JSON.parse(lastLine(result.stderr)!)).toMatchObject({ type: "error", code: "interrupted" });
  const files = readdirSync(join(prefix, "share", "many"));
  expect(files).toHaveLength(FILES);
  const wrong = files.filter(
    (name) =>
      readFileSync(join(prefix, "share", "many", name), "utf8") !== `${version} ${name.slice(0, -4)}\n`,
  );
  expect(wrong).toEqual([]);
});
