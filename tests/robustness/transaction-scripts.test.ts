import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Event } from "../../src/events.ts";
import { planTransaction } from "../../src/plan/diff.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { recoverPrefix } from "../../src/prefix/recover.ts";
import type { PackageCacheRecord } from "../../src/specs/records.ts";
import {
  defaultOptions,
  makePackage,
  type Sandbox,
  sandbox,
  scratchRoot,
  snapshot,
} from "../support/extracted.ts";
import { type ChildResult, transactionChild } from "../support/transaction-bundle.ts";
import type { ChildJob } from "../support/transaction-child.ts";

let work = "";
let run: (job: ChildJob) => Promise<ChildResult>;
beforeAll(async () => {
  work = mkdtempSync(join(scratchRoot(), "taipan-scripts-"));
  run = await transactionChild(work);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What a script does to an environment, one step after the other. */
const STEPS = [
  "mkdir -p var/cache && echo new > var/cache/x",
  "echo appended >> lib/shared",
  "echo replaced > lib/.new && mv lib/.new lib/replaced",
  "rm lib/removed",
  "rm -r share/doc",
  "ln -s /etc/hostname etc/link",
  "ln -sfn ../lib/shared etc/own-link",
  "chmod 700 bin/tool && rm -f conda-meta/a-1.0-0.json",
  "echo changed >> mine/notes; mv mine/notes mine/moved",
  "rm -rf mine && ln -s /tmp mine",
];

/** Does the steps and kills at the one that KILL_AT names: taipan alone, or with all that belongs to its process group. */
const script = (): string =>
  [
    "#!/bin/sh",
    'cd "$PREFIX"',
    ...STEPS.flatMap((step, i) => [step, `[ "$KILL_AT" != ${i} ] || kill -9 $KILL_WHOM$PPID`]),
    // Whoever is not stopped goes on.
    'i=0; while [ $i -lt 300 ]; do echo "$i" > "late-$i"; i=$((i+1)); sleep 0.01; done',
    "",
  ].join("\n");

interface Scene {
  box: Sandbox;
  job: (killAt: number, env: Record<string, string>) => ChildJob;
  after: PackageCacheRecord[];
  before: Record<string, string>;
}

async function scene(action: "post-link" | "pre-unlink"): Promise<Scene> {
  const box = sandbox();
  const a = makePackage(box.pkgs, {
    name: "a",
    files: {
      "lib/shared": "shared with the package cache\n",
      "lib/replaced": "one\n",
      "lib/removed": "two\n",
      "share/doc/a/README": "three\n",
      "bin/tool": { content: "#!/bin/sh\n", mode: 0o755 },
      "etc/own-link": { link: "../lib/replaced" },
    },
  });
  const b = makePackage(box.pkgs, {
    name: "b",
    files: { [`bin/.b-${action}.sh`]: { content: script(), mode: 0o755 }, "lib/b": "b", "etc/b": "b" },
  });
  const other = makePackage(box.pkgs, { name: "other", files: { "etc/other": "o" } });
  const first = action === "post-link" ? [a, other] : [a, b];
  const after = action === "post-link" ? [a, b] : [a, other];
  await box.set(first);
  mkdirSync(join(box.prefix, "mine"));
  writeFileSync(join(box.prefix, "mine/notes"), "the user's\n");
  const transaction = planTransaction(
    (await readPrefix(box.prefix))?.records ?? [],
    { records: after, requested: new Map(), reinstall: new Set() },
    { platform: "linux-64" },
  );
  const job = (killAt: number, env: Record<string, string>): ChildJob => ({
    prefix: box.prefix,
    killAt,
    transaction,
    packages: after.map((record) => [record.name, record]),
    options: { ...defaultOptions, compilePyc: false, env: { ...defaultOptions.env, ...env } },
  });
  return { box, job, after, before: stateOf(box) };
}

/** The environment and the package cache, with which files are one. */
function stateOf({ root, prefix }: Sandbox): Record<string, string> {
  const state = snapshot(root);
  for (const [path, what] of Object.entries(state))
    if (what.startsWith("file") && !path.includes("conda-meta"))
      state[path] = `${what} ${lstatSync(join(root, path)).ino}`;
  state["time of lib/shared"] = String(Math.round(lstatSync(join(prefix, "lib/shared")).mtimeMs));
  return state;
}

describe.runIf(process.platform !== "win32")("kill -9 inside of a link script", () => {
  test.each([
    ["post-link", "taipan alone", ""],
    ["post-link", "the process group", "-"],
    ["pre-unlink", "taipan alone", ""],
  ] as const)(
    "%s, %s: the next command takes back what the script did",
    { timeout: 60_000 },
    async (action, _, whom) => {
      const { box, job, after, before } = await scene(action);
      for (const step of STEPS.keys()) {
        const result = await run(job(0, { KILL_AT: String(step), KILL_WHOM: whom }));
        expect(result.signal, result.err).toBe("SIGKILL");
        const events: Event[] = [];
        expect(await recoverPrefix(box.prefix, { timeout: 20, events: (event) => events.push(event) })).toBe(
          "rolled-back",
        );
        expect(stateOf(box), `after "${STEPS[step]}"`).toEqual(before);
        expect(events).toEqual([]);
      }
      // The script would still be writing.
      await sleep(100);
      expect(stateOf(box)).toEqual(before);
      await box.set(after, { linkScripts: "skip" });
      expect((await readPrefix(box.prefix))?.records.map(({ name }) => name).sort()).toEqual(
        after.map(({ name }) => name).sort(),
      );
    },
  );

  test("what the user does before the next command stays", async () => {
    const { box, job, before } = await scene("post-link");
    await run(job(0, { KILL_AT: "8", KILL_WHOM: "" }));
    await sleep(5_500);
    writeFileSync(join(box.prefix, "lib/by-user"), "precious");
    const events: Event[] = [];
    await recoverPrefix(box.prefix, { timeout: 20, events: (event) => events.push(event) });
    expect(readFileSync(join(box.prefix, "lib/by-user"), "utf8")).toBe("precious");
    expect(events).toMatchObject([
      { code: "left-by-recovery", message: expect.stringContaining("lib/by-user") },
    ]);
    rmSync(join(box.prefix, "lib/by-user"));
    expect(stateOf(box)).toEqual(before);
  });

  test("a new environment is removed, whatever its script was about to write", async () => {
    const { box, job, after } = await scene("post-link");
    const fresh = join(box.root, "envs/fresh");
    const transaction = planTransaction(
      [],
      { records: after, requested: new Map(), reinstall: new Set() },
      { platform: "linux-64" },
    );
    const result = await run({ ...job(0, { KILL_AT: "4", KILL_WHOM: "" }), prefix: fresh, transaction });
    expect(result.signal, result.err).toBe("SIGKILL");
    expect(await recoverPrefix(fresh, { timeout: 20 })).toBe("rolled-back");
    await sleep(100);
    expect(snapshot(join(box.root, "envs"), (path) => path.startsWith("env/"))).toEqual({
      env: expect.stringContaining("directory"),
    });
  });

  test("recovery that is killed itself is done again", { timeout: 600_000 }, async () => {
    const { box, job, before } = await scene("post-link");
    await run(job(0, { KILL_AT: String(STEPS.length - 1), KILL_WHOM: "" }));
    const every = process.env["TAIPAN_TEST_FULL"] ? 1 : 2;
    let kills = 0;
    for (let killAt = 1; ; killAt += every) {
      const result = await run({ ...job(killAt, {}), recover: true });
      if (result.signal !== "SIGKILL") {
        expect(result).toMatchObject({ code: 0, err: "" });
        break;
      }
      kills++;
      // Every other time it is killed twice.
      if (kills % 2 === 0) continue;
      // One that died while it broke the lock of the dead one is waited for, half a minute.
      await recoverPrefix(box.prefix, { timeout: 60 });
      expect(stateOf(box), `recovery killed at call ${killAt}`).toEqual(before);
      await run(job(0, { KILL_AT: String(STEPS.length - 1), KILL_WHOM: "" }));
    }
    expect(kills).toBeGreaterThan(5);
    expect(stateOf(box)).toEqual(before);
  });
});
