import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const repoRoot = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Directory of shared reference data beside the checkout, where there is one. */
export const shared = resolve(repoRoot, "../shared");

/** Path below the shared data, or undefined (after saying so) when this machine has none: the test then skips. */
export function sharedPath(...parts: string[]): string | undefined {
  const path = join(shared, ...parts);
  if (existsSync(path)) return path;
  process.stderr.write(`skipped: no shared reference data at ${parts.join("/")}\n`);
  return undefined;
}
