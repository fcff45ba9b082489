import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { codeOf, fromSystemError } from "../errors.ts";
import { readPieces } from "./archive-files.ts";
import { type EntryKind, kindOf } from "./entry-kind.ts";

/** Creates one directory that only this user may enter. Throws when it exists. */
export async function makePrivateDir(path: string): Promise<void> {
  try {
    await fs.promises.mkdir(path, { mode: 0o700 });
  } catch (error) {
    throw fromSystemError(error, "create directory", path);
  }
}

/** A new private directory (0700) in `parent`, its name beginning with `taipan-`. */
export async function makeTemporaryDir(parent: string): Promise<string> {
  try {
    return await fs.promises.mkdtemp(join(parent, "taipan-"));
  } catch (error) {
    throw fromSystemError(error, "create a temporary directory in", parent);
  }
}

/** Renames; says so instead of throwing when the source is gone or the target is in the way. */
export async function tryRename(from: string, to: string): Promise<"done" | "exists" | "missing"> {
  try {
    await fs.promises.rename(from, to);
    return "done";
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return "missing";
    // Windows answers EPERM or EACCES for a directory that is in the way.
    const inTheWay =
      code === "EEXIST" ||
      code === "ENOTEMPTY" ||
      code === "ENOTDIR" ||
      code === "EISDIR" ||
      (process.platform === "win32" && (code === "EPERM" || code === "EACCES"));
    if (inTheWay) return "exists";
    throw fromSystemError(error, "write", to);
  }
}

/** What tells one file or directory from another of the same name, or undefined when there is none. */
export async function fileIdentity(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeMs } = await fs.promises.lstat(path);
    return `${dev}:${ino}:${birthtimeMs}`;
  } catch {
    return undefined;
  }
}

export interface FileFacts {
  size: number;
  modified: number;
  links: number;
  kind: EntryKind;
}

/** lstat in the few facts that a cache needs; undefined when it cannot be looked at. */
export async function fileFacts(path: string): Promise<FileFacts | undefined> {
  try {
    return factsOf(await fs.promises.lstat(path));
  } catch {
    return undefined;
  }
}

/** For worker threads, which have nothing else to do meanwhile. */
export function fileFactsSync(path: string): FileFacts | undefined {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  return stat && factsOf(stat);
}

function factsOf(stat: fs.Stats): FileFacts {
  return { size: stat.size, modified: stat.mtimeMs, links: stat.nlink, kind: kindOf(stat) };
}

/** Names in a directory, none when it is not there; undefined when it cannot be listed. */
export async function listNames(directory: string): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set(await fs.promises.readdir(directory));
  } catch (error) {
    return codeOf(error) === "ENOENT" ? new Set() : undefined;
  }
}

/** Writes a file of a private directory, in a worker. What has its name, a link too, is replaced and never followed. */
export function writeOwnSync(path: string, text: string): void {
  try {
    try {
      fs.writeFileSync(path, text, { flag: "wx" });
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      fs.unlinkSync(path);
      fs.writeFileSync(path, text, { flag: "wx" });
    }
  } catch (error) {
    throw fromSystemError(error, "write", path);
  }
}

/** Appends to a log such as urls.txt; one write call, so that lines of several processes do not mix. */
export async function appendText(path: string, text: string): Promise<void> {
  try {
    await fs.promises.appendFile(path, text);
  } catch (error) {
    throw fromSystemError(error, "write", path);
  }
}

export interface ArchiveFile {
  write(chunk: Uint8Array): void;
  close(): void;
}

/** A new file written synchronously, in a worker. */
export function createFileSync(path: string): ArchiveFile {
  let descriptor: number | undefined;
  try {
    descriptor = fs.openSync(path, "wx");
  } catch (error) {
    throw fromSystemError(error, "write", path);
  }
  return {
    write: (chunk) => {
      try {
        for (let at = 0; at < chunk.byteLength; ) at += fs.writeSync(descriptor!, chunk, at);
      } catch (error) {
        throw fromSystemError(error, "write", path);
      }
    },
    close: () => {
      if (descriptor === undefined) return;
      const open = descriptor;
      descriptor = undefined;
      try {
        fs.closeSync(open);
      } catch (error) {
        throw fromSystemError(error, "write", path);
      }
    },
  };
}

/** Hex sha256 of a file, in a worker. */
export function hashFileSync(path: string): string {
  const hash = createHash("sha256");
  for (const piece of readPieces(path, 256 * 1024)) hash.update(piece);
  return hash.digest("hex");
}

export interface TreeEntry {
  path: string;
  kind: FileFacts["kind"];
}

/** Direct children with their kinds, unsorted; empty when the directory is not there or not readable. */
export async function listEntries(directory: string): Promise<TreeEntry[]> {
  try {
    const entries = await fs.promises.readdir(directory, { withFileTypes: true });
    return entries.map((entry) => ({
      path: join(directory, entry.name),
      kind: kindOf(entry),
    }));
  } catch {
    return [];
  }
}

/** Total size in bytes of the files of a tree, and the highest link count among them. Symlinks are not followed. */
export async function measureTree(path: string): Promise<{ bytes: number; maxLinks: number }> {
  const facts = await fileFacts(path);
  if (!facts) return { bytes: 0, maxLinks: 0 };
  if (facts.kind !== "directory")
    return { bytes: facts.size, maxLinks: facts.kind === "file" ? facts.links : 1 };
  const total = { bytes: 0, maxLinks: 1 };
  for (const entry of await listEntries(path)) {
    const part = await measureTree(entry.path);
    total.bytes += part.bytes;
    total.maxLinks = Math.max(total.maxLinks, part.maxLinks);
  }
  return total;
}

/** A name for this machine, boot and process namespace: a process id means the same thing only within it. */
export function processSpace(hostname: string): string {
  const read = (get: () => string): string => {
    try {
      return get();
    } catch {
      return "";
    }
  };
  const namespace = read(() => fs.readlinkSync("/proc/self/ns/pid"));
  const boot = read(() => fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  return createHash("sha256").update(`${hostname}\n${namespace}\n${boot}`).digest("hex").slice(0, 8);
}
