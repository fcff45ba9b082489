import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { repoRoot } from "./shared.ts";
import type { ChildJob } from "./transaction-child.ts";

export interface ChildResult {
  code: number | null;
  signal: string | null;
  out: string;
  err: string;
}

/** Bundles tests/support/transaction-child.ts into a directory; the result runs a job in a process of its own, in a group of its own. */
export async function transactionChild(work: string): Promise<(job: ChildJob) => Promise<ChildResult>> {
  const bundle = await rolldown({
    input: join(repoRoot, "tests/support/transaction-child.ts"),
    platform: "node",
    logLevel: "silent",
  });
  await bundle.write({
    dir: join(work, "bundle"),
    format: "esm",
    entryFileNames: "child.mjs",
    chunkFileNames: "[name]-[hash].mjs",
  });
  await bundle.close();
  let jobs = 0;
  return (job) => {
    const file = join(work, "bundle", `job-${jobs++}.json`);
    writeFileSync(file, JSON.stringify(job));
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [join(work, "bundle/child.mjs"), file], {
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
      });
      let out = "";
      let err = "";
      child.stdout.on("data", (chunk) => (out += chunk));
      child.stderr.on("data", (chunk) => (err += chunk));
      child.on("close", (code, signal) => resolve({ code, signal, out, err }));
    });
  };
}
