import { fileIdentity } from "../fs/link.ts";
import { type PackageInfo, readInfo } from "./info.ts";

/**
 * What this thread has read of extracted packages and somebody will ask for again: a package is compared with its paths.json, then
 * planned, then linked, and reading 31,000 entries of 75 packages takes 0.13 s of processor time each time.
 */
const recent = new Map<string, { identity: string; info: PackageInfo }>();

/** Reads info/ of an extracted package and keeps it for the one who takes it next. */
export async function readAndKeepInfo(directory: string): Promise<PackageInfo> {
  const identity = identityOf(directory);
  const info = await readInfo(directory);
  if (identity !== undefined) recent.set(directory, { identity, info });
  return info;
}

/** The same without keeping it: what was kept is handed out once, unless the package was extracted anew meanwhile. */
export async function takeInfo(directory: string): Promise<PackageInfo> {
  const known = recent.get(directory);
  recent.delete(directory);
  return known && known.identity === identityOf(directory) ? known.info : await readInfo(directory);
}

function identityOf(directory: string): string | undefined {
  return fileIdentity(`${directory}/info/index.json`);
}
