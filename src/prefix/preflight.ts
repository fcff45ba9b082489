import { dirname } from "node:path";
import { ToolError } from "../errors.ts";
import { canWrite, deviceOf, nearestExisting, spaceAt } from "../fs/place.ts";
import { kindAt } from "../fs/tree.ts";
import { formatBytes } from "../util/format.ts";
import { type LinkOptions, linkMethods } from "./options.ts";
import type { PlannedOperation } from "./transaction.ts";

const PATH_MAX: Record<string, number> = { win: 260, osx: 1024, linux: 4096 };
const NAME_MAX = 255;

/** Bytes left for records, history and directories when the space is judged. */
const MARGIN = 4 * 1024 * 1024;

/**
 * Whether a prefix can be written at all; cheap enough to be asked before anything is fetched. Throws `permission-denied`, and
 * `not-an-environment` where a file stands in the way.
 */
export function checkWritable(prefix: string): void {
  const at = nearestExisting(prefix);
  if (kindAt(at) === "file") {
    throw new ToolError("not-an-environment", `\`${prefix}\` cannot be made: \`${at}\` is a file`, {
      hint: "choose another directory with -p or --root-prefix",
    });
  }
  if (canWrite(at)) return;
  throw new ToolError(
    "permission-denied",
    `no permission to change \`${prefix}\`: \`${at}\` is not writable`,
    {
      hint: "check the owner and mode of the directory, or choose another with -p or --root-prefix",
      details: { path: at, location: prefix, exception_name: "EnvironmentNotWritableError" },
    },
  );
}

/** Throws `disk-full` when `bytes` and `files` do not fit where the path is. */
function checkSpace(path: string, bytes: number, files: number): void {
  const space = spaceAt(path);
  if (!space) return;
  const needed = bytes + MARGIN;
  if (space.bytes < needed) {
    throw new ToolError(
      "disk-full",
      `\`${path}\` needs ${formatBytes(needed)}, but only ${formatBytes(space.bytes)} are free there`,
      {
        hint: "free some space (`taipan clean --all` empties the package cache), or choose another directory with -p",
        details: { needed, free: space.bytes },
      },
    );
  }
  if (space.inodes > 0 && space.inodes < files) {
    throw new ToolError(
      "disk-full",
      `\`${path}\` needs ${files} files, but its file system has room for ${space.inodes}`,
      {
        hint: "free some inodes (`taipan clean --all` empties the package cache), or choose another directory with -p",
        details: { neededInodes: files, freeInodes: space.inodes },
      },
    );
  }
}

/**
 * What can be known to fail before the first byte is fetched. Sizes are those of archives, which are kept beside what they hold: a
 * lower bound, so that nothing is refused that would have fitted. `preflight` knows the files themselves.
 */
export function preflightFetch(input: {
  prefix: string;
  /** Package cache that is written to; undefined when nothing is fetched. */
  pkgs: string | undefined;
  /** Bytes of each archive. */
  archives: readonly number[];
  options: Pick<LinkOptions, "platform" | "alwaysCopy" | "alwaysSoftlink" | "allowSoftlinks">;
}): void {
  const { prefix, pkgs, archives, options } = input;
  checkWritable(prefix);
  checkPrefixLength(prefix, options.platform);
  if (pkgs === undefined || archives.length === 0) return;
  const bytes = archives.reduce((sum, size) => sum + size, 0);
  checkSpace(pkgs, 2 * bytes, archives.length * FILES_PER_PACKAGE);
  const shared =
    options.alwaysSoftlink ||
    (linkMethods(options).includes("hardlink") &&
      deviceOf(nearestExisting(prefix)) === deviceOf(nearestExisting(pkgs)));
  if (!shared) checkSpace(prefix, bytes, archives.length);
}

/** index.json, paths.json, about.json, the archive itself and a directory: every package has these. */
const FILES_PER_PACKAGE = 5;

function checkPrefixLength(prefix: string, platform: string): void {
  const limit = pathLimit(platform);
  // conda-meta/<name>-<version>-<build>.json has to fit, whatever the packages are.
  const room = limit - Buffer.byteLength(prefix) - 48;
  if (room < 0 || prefix.split("/").some((part) => Buffer.byteLength(part) > NAME_MAX)) {
    throw new ToolError(
      "io-error",
      `the path \`${prefix.slice(0, 120)}…\` is too long for an environment: ${Buffer.byteLength(prefix)} bytes, and the system allows ${limit}, ${NAME_MAX} in one name`,
      { hint: "choose a shorter path with -p", details: { limit, prefix: Buffer.byteLength(prefix) } },
    );
  }
}

const pathLimit = (platform: string): number => PATH_MAX[platform.split("-")[0]!] ?? 4096;

/** Everything that can be known to fail, before anything is written. */
export function preflight(input: {
  prefix: string;
  fresh: boolean;
  planned: readonly PlannedOperation[];
  options: LinkOptions;
}): void {
  const { prefix, planned, options } = input;
  checkWritable(input.fresh ? dirname(prefix) : prefix);
  checkLengths(prefix, planned, options.platform);
  let bytes = 0;
  let files = 0;
  const hardlinks = linkMethods(options).includes("hardlink");
  const softlinks = options.alwaysSoftlink;
  const device = deviceOf(nearestExisting(prefix));
  for (const { record, plan } of planned) {
    const shared = softlinks || (hardlinks && deviceOf(record.extracted_package_dir) === device);
    bytes += shared ? plan.patchedBytes : plan.bytes;
    // Names of hard links need no inode of their own; directories and patched files are few.
    files += shared ? 0 : plan.fileCount;
  }
  checkSpace(prefix, bytes, files);
}

/**
 * The same for a copy of an environment: room for the files of its packages, where they cannot be shared. What the user has in it is
 * not counted.
 */
export function preflightClone(
  source: string,
  target: string,
  sizes: ReadonlyMap<string, number>,
  options: LinkOptions,
): void {
  checkPrefixLength(target, options.platform);
  const shared =
    linkMethods(options).includes("hardlink") && deviceOf(source) === deviceOf(nearestExisting(target));
  if (shared) return;
  let bytes = 0;
  for (const size of sizes.values()) bytes += size;
  checkSpace(target, bytes, sizes.size);
}

function checkLengths(prefix: string, planned: readonly PlannedOperation[], platform: string): void {
  const limit = pathLimit(platform);
  const room = limit - Buffer.byteLength(prefix) - 2;
  for (const { dist, paths, plan } of planned) {
    // A UTF-16 unit is three bytes at most: only packages with a long path or name are looked at path by path.
    if (plan.longest * 3 <= room && plan.longestName * 3 <= NAME_MAX) continue;
    for (const path of paths) {
      if (Buffer.byteLength(path) > room) {
        throw new ToolError(
          "io-error",
          `the path of \`${path}\` of \`${dist}\` would be longer than ${limit} bytes below \`${prefix}\``,
          {
            hint: "choose a shorter path for the environment",
            details: { limit, prefix: Buffer.byteLength(prefix), path: Buffer.byteLength(path) },
          },
        );
      }
      if (path.split("/").some((part) => Buffer.byteLength(part) > NAME_MAX)) {
        throw new ToolError(
          "io-error",
          `a file name of \`${dist}\` is longer than ${NAME_MAX} bytes: \`${path.slice(0, 120)}…\``,
        );
      }
    }
  }
}
