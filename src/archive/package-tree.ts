/**
 * The tree that an archive may build: what is a directory or link so far. The destination is new and nobody else writes there, so
 * of plain files the disk itself knows: names are created once and never overwritten. Names of files in sets took a tenth of the
 * time to extract them. Invariant: a directory in `directories` was made by us, none of its parents is a link; so no write
 * follows a link, whatever order the members come in.
 */
import { ToolError } from "../errors.ts";
import type { TreeWriter } from "../fs/tree-writer.ts";
import {
  checkLinkTarget,
  checkMemberPath,
  foldPath,
  leadsOut,
  type PathRules,
  unsafePath,
} from "./member-path.ts";

export interface TreeOptions extends PathRules {
  /** `refuse` also symbolic links with absolute targets. */
  externalLinks: "allow" | "refuse";
}

export class PackageTree {
  /** Links that lead out of the package; created, never followed. */
  readonly externalLinks: string[] = [];
  /** Links without a target, and links that this system did not let us create. */
  readonly skippedLinks: string[] = [];
  files = 0;
  private readonly directories = new Set<string>([""]);
  private readonly foldedDirectories = new Set<string>();
  /** Members come directory by directory. */
  private lastParent = "";
  private readonly links = new Map<string, string>();
  private readonly foldedLinks = new Set<string>();
  private readonly unsure: string[] = [];
  private readonly writer: TreeWriter;
  private readonly options: TreeOptions;

  constructor(writer: TreeWriter, options: TreeOptions) {
    this.writer = writer;
    this.options = options;
  }

  directory(name: string): void {
    const path = checkMemberPath(name, this.options);
    if (path !== "") this.ensureDirectory(path, name);
  }

  /** Opens a file for writing. Only permission bits of `mode` are used, and its owner may always read it. */
  file(name: string, mode: number, mtime?: number): void {
    const path = this.leaf(name);
    // setuid, setgid and sticky bits are dropped: no package is worth a privileged file in a user's directory.
    const permissions = (mode & 0o777) | 0o400;
    while (!this.writer.openFile(path, permissions, mtime)) this.makeWay(path);
    this.files++;
  }

  symlink(name: string, target: string): void {
    const path = this.leaf(name);
    const folded = foldPath(path);
    if (/^info\/[^/]+$/i.test(path) || folded === "INFO")
      throw unsafePath(path, "package metadata must not be a symbolic link");
    const place = checkLinkTarget(path, target, this.options);
    if (place === "external") {
      if (this.options.externalLinks === "refuse" || /^info\//i.test(path)) {
        throw leadsOut(path, target);
      }
      this.externalLinks.push(path);
    } else if (climbsLate(target)) this.unsure.push(path);
    // No system can make a link to nothing; real packages that were repacked on Windows have them.
    if (target === "" || !this.makeLink(path, target)) this.skippedLinks.push(path);
    this.links.set(path, target);
    this.foldedLinks.add(folded);
    this.files++;
  }

  hardlink(name: string, target: string): void {
    const existing = checkMemberPath(target, this.options);
    // The kind is asked below directories of our own only: any other way may lead through a link.
    if (!this.directories.has(parentOf(existing)) || this.writer.kindOf(existing) !== "file") {
      throw unsafePath(name, `it is a hard link to \`${target}\`, which is no earlier file of this archive`);
    }
    const path = this.leaf(name);
    while (!this.writer.hardlink(path, existing)) this.makeWay(path);
    this.files++;
  }

  /**
   * Once everything is there: a target such as `link/../x` means the parent of what `link` leads to, which the text alone
   * does not tell. Throws when it is outside.
   */
  finish(): void {
    for (const path of this.unsure) {
      if (!this.staysInside(path)) throw leadsOut(path, this.links.get(path)!);
    }
  }

  /** False where this system does not let the user make it. */
  private makeLink(path: string, target: string): boolean {
    for (;;) {
      const outcome = this.writer.symlink(path, target);
      if (outcome !== "taken") return outcome === "made";
      this.makeWay(path);
    }
  }

  private leaf(name: string): string {
    const path = checkMemberPath(name, this.options);
    if (path === "" || name.endsWith("/")) throw unsafePath(name, "it names a directory but is none");
    const parent = parentOf(path);
    if (parent !== this.lastParent) {
      this.ensureDirectory(parent, name);
      this.lastParent = parent;
    }
    // What was skipped is not on the disk.
    if (this.skippedLinks.length > 0 && this.links.has(path)) throw twice(path);
    if (this.foldsOnDisk() && this.foldedDirectories.has(foldPath(path)) && !this.directories.has(path))
      throw unsafePath(path, "its name differs from a directory in case only");
    return path;
  }

  /** The name is taken: refused, unless by a file with another name that is the same to this file system. The later one stays. */
  private makeWay(path: string): void {
    if (this.directories.has(path)) throw unsafePath(path, "it is both a directory and a file");
    if (!this.writer.removeOtherSpelling(path)) throw twice(path);
  }

  private foldsOnDisk(): boolean {
    return this.options.windows || process.platform === "darwin";
  }

  private ensureDirectory(path: string, name: string): void {
    if (this.directories.has(path)) return;
    this.ensureDirectory(parentOf(path), name);
    const folded = foldPath(path);
    // By folded name on every system: an archive that is safe on Linux only is not safe.
    if (this.foldedLinks.has(folded)) throw unsafePath(name, `\`${path}\` is a symbolic link`);
    if (!this.writer.directory(path) && this.writer.kindOf(path) !== "directory")
      throw unsafePath(name, `\`${path}\` is a file`);
    this.directories.add(path);
    this.foldedDirectories.add(folded);
  }

  private staysInside(link: string): boolean {
    const at = link.split("/").slice(0, -1);
    const rest = this.links.get(link)!.split("/").reverse();
    for (let steps = 0; rest.length > 0; steps++) {
      if (steps > 4096) return false;
      const part = rest.pop()!;
      if (part === "" || part === ".") continue;
      if (part === "..") {
        if (at.length === 0) return false;
        at.pop();
        continue;
      }
      const next = this.links.get([...at, part].join("/"));
      if (next === undefined) at.push(part);
      else if (next[0] === "/") return false;
      else rest.push(...next.split("/").reverse());
    }
    return true;
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function twice(path: string): ToolError {
  return unsafePath(path, "it is in the archive twice");
}

/** Whether a `..` follows a name, as in `link/../x`. */
function climbsLate(target: string): boolean {
  const parts = target.split(/[\\/]/).filter((part) => part !== "" && part !== ".");
  return parts.some((part, i) => i > 0 && part === ".." && parts[i - 1] !== "..");
}

/** Limits of what an archive may become. All are far above real packages; they stop bombs before the disk is full. */
export interface ExtractLimits {
  /** Files, links and directories. */
  entries: number;
  /** Bytes of all files. */
  bytes: number;
  /** Output per input byte, looked at once `ratioFrom` bytes are out. */
  ratio: number;
  ratioFrom: number;
}

export const DEFAULT_LIMITS: ExtractLimits = {
  entries: 2_000_000,
  bytes: 128 * 2 ** 30,
  ratio: 1000,
  ratioFrom: 512 * 2 ** 20,
};

/** Counts what comes out against what came in. */
export class Budget {
  received = 0;
  produced = 0;
  entries = 0;
  private readonly limits: ExtractLimits;

  constructor(limits: ExtractLimits) {
    this.limits = limits;
  }

  addEntry(): void {
    if (++this.entries > this.limits.entries) throw bomb(`more than ${this.limits.entries} members`);
  }

  addBytes(count: number): void {
    const { bytes, ratio, ratioFrom } = this.limits;
    this.produced += count;
    if (this.produced > bytes) throw bomb(`more than ${bytes} bytes`);
    if (this.produced > ratioFrom && this.produced > this.received * ratio) {
      throw bomb(`${this.produced} bytes from ${this.received}, more than ${ratio} times as many`);
    }
  }

  /** A declared size that cannot fit is refused before any of it is written. */
  declare(count: number): void {
    if (this.produced + count > this.limits.bytes)
      throw bomb(`a member of ${count} bytes; the limit is ${this.limits.bytes} in all`);
  }
}

function bomb(what: string): ToolError {
  return new ToolError("archive-invalid", `the archive extracts to ${what}`, {
    hint: "it looks like a decompression bomb",
  });
}
