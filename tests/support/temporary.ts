import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PREFIX = "taipan-tests-";

/**
 * One temporary directory for all of a run, which goes with it; those of runs that were killed go with the next. Whatever a
 * test forgets, or is killed over, is in there.
 */
export default function setup(): () => void {
  const place = tmpdir();
  for (const name of readdirSync(place))
    if (name.startsWith(PREFIX) && !isRunning(Number(name.slice(PREFIX.length)))) remove(join(place, name));
  const directory = join(place, `${PREFIX}${process.pid}`);
  mkdirSync(directory, { recursive: true });
  // As the system's own: some tests run programs as other users.
  chmodSync(directory, 0o1777);
  for (const name of ["TMPDIR", "TEMP", "TMP"]) process.env[name] = directory;
  return () => remove(directory);
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** What belongs to another user stays, and is no reason for a red run. */
function remove(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  } catch {}
}
