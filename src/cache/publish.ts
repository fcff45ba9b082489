import { dirname, join } from "node:path";
import { ToolError } from "../errors.ts";
import { fileIdentity, tryRename } from "../fs/cache-files.ts";
import { ensureSharedDir } from "../fs/files.ts";
import type { PackageCacheRecord, RepoDataRecord } from "../specs/records.ts";
import { allowed } from "./allowed.ts";
import { archiveName, placesOf } from "./layout.ts";
import type { PackageCache } from "./package-cache.ts";

/** A package that is extracted and verified, in a private directory of the cache directory it goes to. */
export interface Prepared {
  record: RepoDataRecord;
  /** Below a private directory, under a name of its own; what is replaced is moved beside it and removed with that directory. */
  extracted: string;
  /** Archive to keep, or undefined. */
  archive: string | undefined;
  learn: boolean;
}

/**
 * Makes the package visible by one rename. Readers need no lock: a directory of that name is whole from its first moment.
 * Whatever valid entry is there is left alone, ours when it is the same package; an other package of the same name keeps
 * its place, and ours goes to mamba's per-channel directory.
 */
export async function publish(
  cache: PackageCache,
  pkgs: string,
  prepared: Prepared,
): Promise<PackageCacheRecord> {
  const { record } = prepared;
  const { flat, nested } = placesOf(pkgs, record, archiveName(record.fn).dist);
  for (const place of [flat, ...nested.slice(0, 1)]) {
    if (place !== flat) await ensureSharedDir(dirname(place));
    if (await settle(cache, place, prepared)) {
      const archive = join(dirname(place), record.fn);
      if (prepared.archive !== undefined) await allowed(tryRename(prepared.archive, archive));
      return { ...record, package_tarball_full_path: archive, extracted_package_dir: place };
    }
  }
  throw new ToolError(
    "io-error",
    `cannot publish \`${record.fn}\` in \`${pkgs}\`: its place is taken by another package`,
    {
      hint: "`taipan clean --packages` removes unused packages",
    },
  );
}

/** Moves the package to `place`; false when the place belongs to another package. */
async function settle(cache: PackageCache, place: string, prepared: Prepared): Promise<boolean> {
  const { record, extracted, learn } = prepared;
  for (let attempt = 0; attempt < 20; attempt += 1) {
    let refused: unknown;
    // A rename never replaces a directory that holds anything, so there is no need to look first.
    const outcome = await tryRename(extracted, place).catch((error: unknown) => {
      refused = error;
    });
    if (outcome === "done") return true;
    if (outcome === "missing") {
      // An NFS client asks again when the first answer was lost, and is told that there is nothing to rename: it was done.
      if (await cache.check(place, record, { safetyChecks: "disabled", learn })) return true;
      throw new ToolError("io-error", `\`${extracted}\` vanished while \`${record.fn}\` was being fetched`);
    }
    const before = await fileIdentity(place);
    // In a directory with the sticky bit, an entry of another user refuses where another one is just in the way.
    if (before === undefined && refused !== undefined) throw refused;
    if (before === undefined) continue;
    // Another process was faster, or the old entry is to be replaced.
    if (await cache.check(place, record, { safetyChecks: "disabled", learn })) return true;
    if (!(await cache.isReplaceable(place, record))) return false;
    // A name of this package alone: several are published from one private directory at once, and with a common name the
    // broken entry of one could be given back to the place of another.
    const trash = `${extracted}-old-${attempt}`;
    // In a shared cache a broken entry may be another user's, which only that user can take away.
    let moved: string | undefined;
    const may = await allowed(
      tryRename(place, trash).then((outcome) => {
        moved = outcome;
      }),
    );
    if (!may) return false;
    if (moved !== "done") continue;

    // The place may have got a good entry between the look and the rename: give that back.
    if ((await fileIdentity(trash)) !== before) await tryRename(trash, place);
  }
  throw new ToolError("io-error", `cannot replace \`${place}\`: other processes keep changing it`);
}
