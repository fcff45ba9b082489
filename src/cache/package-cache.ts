import { join, relative, sep } from "node:path";
import { readIndexJson } from "../archive/info.ts";
import { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { fileFacts, fileIdentity, listNames } from "../fs/cache-files.ts";
import { ensureCacheDir, isWritable, readText } from "../fs/files.ts";
import type { PackageCacheRecord, RepoDataRecord } from "../specs/records.ts";
import { isStubRecord, withoutEmpty } from "../specs/stub-record.ts";
import type { WorkerPool } from "../workers/protocol.ts";
import { archiveName, placesOf } from "./layout.ts";
import { sweepStale } from "./temporary.ts";

export interface CacheOptions {
  /** `disabled`: an entry is taken as it is. Otherwise the files of an extracted package must have the sizes that paths.json says. */
  safetyChecks: "enabled" | "warn" | "disabled";
  /** Compare sha256 of every file too. */
  extraSafetyChecks: boolean;
}

export interface LookupOptions extends Partial<CacheOptions> {
  /** The record is only a URL and hashes: take the rest from the entry. */
  learn?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** From `listing()`: saves asking for what is not there. */
  present?: CacheListing | undefined;
}

/** Names in each cache directory at one moment; undefined where they cannot be listed. */
export type CacheListing = ReadonlyMap<string, ReadonlySet<string> | undefined>;

export interface CacheContext {
  events: EventSink;
  /** Compares files off the main thread; without it `safetyChecks` is as if disabled. */
  pool?: WorkerPool | undefined;
  /** Entries that were found broken, by identity, so that only they are replaced; shared by the caches of a command. */
  broken?: Set<string> | undefined;
}

/** The package cache directories of one command: those that cannot be written are searched first, then the others in order. */
export class PackageCache {
  private ordered: Promise<{ all: string[]; writable: string[] }> | undefined;
  private target: Promise<string> | undefined;
  private readonly broken: Set<string>;

  constructor(
    readonly dirs: readonly string[],
    private readonly context: CacheContext,
  ) {
    this.broken = context.broken ?? new Set();
  }

  private order(): Promise<{ all: string[]; writable: string[] }> {
    this.ordered ??= Promise.all(this.dirs.map(isWritable)).then((flags) => {
      const writable = this.dirs.filter((_, i) => flags[i]);
      return { all: [...this.dirs.filter((_, i) => !flags[i]), ...writable], writable };
    });
    return this.ordered;
  }

  /** Directories in search order. */
  async searched(): Promise<string[]> {
    return (await this.order()).all;
  }

  /** The first writable directory, created when it is not there. `needed` are what it is wanted for, which an error names. */
  writable(needed: readonly { fn: string }[]): Promise<string> {
    this.target ??= this.order().then(async ({ writable }) => {
      const [first] = writable;
      if (first === undefined) {
        throw new ToolError(
          "permission-denied",
          `${namesOf(needed)} must be fetched, and no package cache can be written: ${this.dirs.map((dir) => `\`${dir}\``).join(", ")}`,
          {
            hint: "name a directory of yours first in `pkgs_dirs` or CONDA_PKGS_DIRS; the others are still searched",
          },
        );
      }
      await ensureCacheDir(first);
      return first;
    });
    return this.target;
  }

  /**
   * Removes left-overs of dead processes where this user may. Not before downloads that were begun are taken out of them
   * (`adoptPartials`).
   */
  async sweep(): Promise<void> {
    const [first] = (await this.order()).writable;
    if (first !== undefined) await sweepStale(first);
  }

  /** What the directories hold now, for many look-ups at once: ten failing system calls each, in promises, cost 1 ms. */
  async listing(): Promise<CacheListing> {
    const dirs = (await this.order()).all;
    return new Map(await Promise.all(dirs.map(async (dir) => [dir, await listNames(dir)] as const)));
  }

  /** Places of the record that may be there, in the order in which they are looked at. */
  private async places(record: RepoDataRecord, present: CacheListing | undefined): Promise<string[]> {
    const { dist } = archiveName(record.fn);
    return (await this.order()).all.flatMap((dir) => {
      const { flat, nested } = placesOf(dir, record, dist);
      const names = present?.get(dir);
      const wanted = (place: string): boolean => {
        const [first = ""] = relative(dir, place).split(sep);
        return names === undefined || names.has(first) || (first === dist && names.has(record.fn));
      };
      return [flat, ...nested].filter(wanted);
    });
  }

  /** The valid extracted package of this very record, or undefined. */
  async lookup(record: RepoDataRecord, options: LookupOptions = {}): Promise<PackageCacheRecord | undefined> {
    for (const place of await this.places(record, options.present)) {
      const found = await this.check(place, record, options);
      if (found) return found;
    }
    return undefined;
  }

  /** The entry at `place` when it is there, belongs to the record and is whole. */
  async check(
    place: string,
    record: RepoDataRecord,
    options: LookupOptions = {},
  ): Promise<PackageCacheRecord | undefined> {
    const own = await readEntry(place);
    if (!own || !sameArchive(own, record, options.learn === true)) return undefined;
    const identity = await fileIdentity(place);
    if (identity === undefined || this.broken.has(identity)) return undefined;
    const level = options.safetyChecks ?? "warn";
    if (level !== "disabled" && this.context.pool) {
      const difference = await this.context.pool
        .run(
          "check-package",
          { directory: place, hashes: options.extraSafetyChecks === true },
          { signal: options.signal, near: place },
        )
        .catch((error: unknown) => {
          if (error instanceof ToolError && (error.code === "interrupted" || error.code === "internal"))
            throw error;
          return (error as Error).message;
        });
      if (difference !== undefined) {
        this.broken.add(identity);
        this.context.events({
          type: "warning",
          code: "cache-entry-broken",
          message: `\`${place}\` is damaged and is replaced: ${difference}`,
        });
        return undefined;
      }
    }
    return complete(
      options.learn
        ? { ...own, url: record.url, channel: own.channel || record.channel, fn: record.fn }
        : { ...own, ...defined(record) },
      place,
    );
  }

  /** Whether the directory at `place` may be replaced: it is no entry of another package that somebody may be using. */
  async isReplaceable(place: string, record: RepoDataRecord): Promise<boolean> {
    const identity = await fileIdentity(place);
    if (identity === undefined || this.broken.has(identity)) return true;
    const own = await readEntry(place);
    return !own || sameArchive(own, record, true);
  }

  /** An archive of this name beside an entry, whose hash is still to be compared. Only where the record has one. */
  async findArchives(record: RepoDataRecord, present?: CacheListing): Promise<string[]> {
    if (record.sha256 === undefined && record.md5 === undefined) return [];
    const found: string[] = [];
    for (const place of await this.places(record, present)) {
      const path = join(place, "..", record.fn);
      const facts = await fileFacts(path);
      if (facts?.kind === "file" && (record.size === undefined || record.size === facts.size))
        found.push(path);
    }
    return found;
  }
}

function complete(record: RepoDataRecord, place: string): PackageCacheRecord {
  return { ...record, package_tarball_full_path: join(place, "..", record.fn), extracted_package_dir: place };
}

/** The record without keys that are undefined, which would hide what the entry knows. */
function defined(record: RepoDataRecord): RepoDataRecord {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined),
  ) as unknown as RepoDataRecord;
}

/** What an extracted package says it is, or undefined when that cannot be read or info/index.json is missing. */
export async function readEntry(place: string): Promise<RepoDataRecord | undefined> {
  const text = await readText(join(place, "info", "repodata_record.json")).catch(() => undefined);
  if (text === undefined || (await fileFacts(join(place, "info", "index.json")))?.kind !== "file")
    return undefined;
  try {
    const value = JSON.parse(text) as Partial<RepoDataRecord> | null;
    const usable =
      typeof value?.name === "string" && typeof value.version === "string" && typeof value.build === "string";
    if (!usable) return undefined;
    const known = isStubRecord(value) ? { ...readIndexJson(place), ...withoutEmpty(value) } : value;
    return { depends: [], fn: "", url: "", channel: "", ...known } as RepoDataRecord;
  } catch {
    return undefined;
  }
}

/**
 * Whether an entry was made from the archive that the record names: by sha256, else md5, else size and URL. Names and
 * versions alone are no proof, since channels share them.
 */
function sameArchive(own: RepoDataRecord, record: RepoDataRecord, learn: boolean): boolean {
  if (!learn && (own.name !== record.name || own.version !== record.version || own.build !== record.build))
    return false;
  const same = (a: string | undefined, b: string | undefined): boolean | undefined =>
    a && b ? a.toLowerCase() === b.toLowerCase() : undefined;
  const byHash = same(own.sha256, record.sha256) ?? same(own.md5, record.md5);
  if (byHash !== undefined) return byHash;
  if (own.size !== undefined && record.size !== undefined && own.size !== record.size) return false;
  // A record that names a hash is not satisfied by an entry that cannot show one.
  if (record.sha256 !== undefined || record.md5 !== undefined)
    return own.url === record.url && own.size === record.size && own.size !== undefined;
  return own.url === record.url;
}

function namesOf(needed: readonly { fn: string }[]): string {
  const further = needed.length - 1;
  const first = `\`${needed[0]?.fn}\``;
  if (further < 1) return first;
  return `${first} and ${further} more ${further === 1 ? "package" : "packages"}`;
}
