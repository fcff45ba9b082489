/**
 * Applies one transaction, or recovers from one, and dies by SIGKILL at the N-th call that changes the file system: before it, or with
 * half of it done where a call is not atomic. With `fail` the call fails with that error instead, once. Bundled and started by
 * transaction-bundle.ts.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import type { TaskHandlers } from "../../src/workers/protocol.ts";

export interface ChildJob {
  prefix: string;
  killAt: number;
  /** Calls that count, where not all do. */
  calls?: readonly string[] | undefined;
  fail?: "ENOSPC" | "EIO" | undefined;
  /** Only recover. */
  recover?: boolean | undefined;
  /** Only remove the environment. */
  remove?: boolean | undefined;
  transaction: import("../../src/plan/transaction.ts").Transaction;
  packages: [string, import("../../src/specs/records.ts").PackageCacheRecord][];
  options: import("../../src/prefix/options.ts").LinkOptions;
}

const job = JSON.parse(fs.readFileSync(process.argv[2]!, "utf8"), (key, value) =>
  key === "newlyRequested" ? new Map() : value,
) as ChildJob;
let calls = 0;
const die = (): never => {
  process.kill(process.pid, "SIGKILL");
  // The signal is delivered before the system call returns; this is for the compiler.
  for (;;);
};

type Call = (...args: never[]) => unknown;
const half: Record<string, (...args: never[]) => void> = {
  writeFileSync: (target: unknown, data: unknown) => {
    const bytes = Buffer.from(data as string);
    original["writeFileSync"]!(target as never, bytes.subarray(0, bytes.length >> 1) as never);
  },
  rmSync: (path: unknown) => removeHalf(path as string),
};
const original: Record<string, Call> = {};

function removeHalf(path: string): void {
  if (!fs.lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const names = fs.readdirSync(path);
  for (const name of names.slice(0, names.length >> 1))
    original["rmSync"]!(join(path, name) as never, { recursive: true, force: true } as never);
  const rest = names[names.length >> 1];
  if (rest !== undefined) removeHalf(join(path, rest));
}

const changing = [
  "linkSync",
  "symlinkSync",
  "renameSync",
  "mkdirSync",
  "rmSync",
  "rmdirSync",
  "unlinkSync",
  "writeFileSync",
  "openSync",
  "fchmodSync",
  "copyFileSync",
  "utimesSync",
  "chmodSync",
  "writeSync",
];
const patch = (target: Record<string, Call>, name: string): void => {
  const call = target[name]!;
  original[name] ??= call.bind(target) as Call;
  target[name] = ((...args: never[]) => {
    if (name === "openSync" && (args[1] as unknown) === "r") return call.apply(target, args);
    if (++calls === job.killAt) {
      if (job.fail) throw Object.assign(new Error(`${job.fail}: injected, ${name}`), { code: job.fail });
      half[name]?.(...args);
      die();
    }
    return call.apply(target, args);
  }) as Call;
};
for (const name of job.calls ?? changing) patch(fs as unknown as Record<string, Call>, name);
for (const name of job.calls ? [] : ["writeFile", "rename", "open", "mkdir", "rm", "unlink"])
  patch(fs.promises as unknown as Record<string, Call>, name);
syncBuiltinESMExports();

const { applyTransaction } = await import("../../src/prefix/transaction.ts");
const { createPool } = await import("../../src/workers/pool.ts");
const link = await import("../../src/prefix/link-package.ts");
// Only the tasks of this layer: the bundle starts three times faster than with all of them.
const handlers = {
  tasks: {
    "plan-package": async () => (await import("../../src/prefix/plan-package.ts")).planPackageTask,
    "link-package": async () => link.linkPackageTask,
    "store-pyc": async () => (await import("../../src/prefix/link-pyc.ts")).storePycTask,
  },
  streams: {},
} as unknown as TaskHandlers;
const pool = createPool({ size: 1, mode: "inline", handlers });
const { removeEnvironment } = await import("../../src/prefix/remove-environment.ts");
const { recoverPrefix } = await import("../../src/prefix/recover.ts");
try {
  const { prefix, transaction, packages, options } = job;
  const request = { prefix, transaction, packages: new Map(packages), options };
  if (job.recover) await recoverPrefix(prefix, { timeout: 60 });
  else if (job.remove) await removeEnvironment(prefix, options, { pool, events: () => {} });
  else await applyTransaction({ ...request, command: ["taipan", "install"] }, { pool, events: () => {} });
} catch (error) {
  process.stderr.write(`${(error as { code?: string }).code}\n`);
  process.exitCode = 1;
}
await pool.close();
process.stdout.write(String(calls));
