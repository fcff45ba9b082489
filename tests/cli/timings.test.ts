import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

let sandbox: Sandbox;
let from: string[];

beforeAll(async () => {
  sandbox = createSandbox();
  const channel = join(sandbox.dir, "channel");
  await writeChannel(channel, [
    await buildPackage({ name: "app", version: "1.0", noarch: "generic", files: { "share/app": "app" } }),
  ]);
  from = ["--override-channels", "-c", `file://${channel}`, "-y"];
  expect((await sandbox.taipan("create", "-n", "made", ...from, "app")).code).toBe(0);
});
afterAll(() => sandbox.close());

/** First words of the table's rows. */
const phases = (text: string) =>
  [...text.matchAll(/^ {2}([a-z]+) +[\d.]+ (?:s|min \d+ s)$/gm)].map(([, name]) => name);

it("tells on stderr where the time of a change went", async () => {
  // A package cache of its own, so that there is something to fetch.
  const env = { CONDA_PKGS_DIRS: join(sandbox.dir, "pkgs") };
  const made = await sandbox.taipanWith({ env }, "create", "-n", "a", ...from, "app", "--timings");
  expect([made.code, phases(made.stderr)]).toEqual([
    0,
    ["start", "repodata", "solve", "fetch", "link", "other", "total"],
  ]);
  expect(made.stdout).not.toContain("repodata");
});

it("adds them to the JSON document", async () => {
  const { timings } = (
    await sandbox.taipan("create", "-n", "b", ...from, "app", "--timings", "--json")
  ).json<{ timings: Record<string, number> }>();
  // The package is cached by now: a phase that there was not is not told.
  expect(Object.keys(timings)).toEqual(["start", "repodata", "solve", "link", "other", "total"]);
  const { total, ...parts } = timings;
  const sum = Object.values(parts).reduce((a, b) => a + b, 0);
  expect(Math.abs(sum - total!)).toBeLessThan(0.01);
  expect(parts["start"]).toBeGreaterThan(0);
  const without = await sandbox.taipan("create", "-n", "c", ...from, "app", "--json");
  expect(Object.keys(without.json())).not.toContain("timings");
});

it("tells of a command that failed, and of one that removes", async () => {
  const failed = await sandbox.taipan("install", "-n", "made", ...from, "absent", "--timings");
  expect([failed.code === 0, phases(failed.stderr)]).toEqual([
    false,
    ["start", "repodata", "solve", "other", "total"],
  ]);
  const removed = await sandbox.taipan("remove", "-n", "made", "app", "-y", "--timings");
  expect([removed.code, phases(removed.stderr)]).toEqual([0, expect.arrayContaining(["start", "link"])]);
});

it("keeps a stream of events one", async () => {
  const made = await sandbox.taipan("create", "-n", "d", ...from, "app", "--timings", "--json-events");
  const events = made.stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; message?: string });
  expect(events.at(-1)).toMatchObject({ type: "note", message: expect.stringContaining("total") });
});
