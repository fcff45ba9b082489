/**
 * The tree that an archive may build: what is a directory, file or link so far. The destination is new and nobody else
 * writes there, so this knowledge is complete, and checks need no system call. Invariant: a directory in `directories` was
 * made by us, none of its parents is a link; so no write follows a link, whatever order the members come in.
 */
import { ToolError } from "../errors.ts";
import type { TreeWriter } from "../fs/tree-writer.ts";
import { checkLinkTarget, checkMemberPath, foldPath, type PathRules, unsafePath } from "./member-path.ts";

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
  private readonly leaves = new Set<string>();
  private readonly foldedLeaves = new Set<string>();
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
  file(name: string, mode: number): void {
    const { path, replace } = this.leaf(name);
    // setuid, setgid and sticky bits are dropped: no package is worth a privileged file in a user's directory.
    this.writer.openFile(path, (mode & 0o777) | 0o400, replace);
    this.leaves.add(path);
    this.files++;
  }

  symlink(name: string, target: string): void {
    const { path, replace } = this.leaf(name);
    if (/^info\/[^/]+$/i.test(path) || foldPath(path) === "info")
      throw unsafePath(path, "package metadata must not be a symbolic link");
    const place = checkLinkTarget(path, target, this.options);
    if (place === "external") {
      if (this.options.externalLinks === "refuse" || /^info\//i.test(path)) {
        throw unsafePath(path, `its link target \`${target}\` is outside the package`);
      }
      this.externalLinks.push(path);
    } else if (climbsLate(target)) this.unsure.push(path);
    // No system can make a link to nothing; real packages that were repacked on Windows have them.
    if (target === "" || !this.writer.symlink(path, target, replace)) this.skippedLinks.push(path);
    this.leaves.add(path);
    this.links.set(path, target);
    this.foldedLinks.add(foldPath(path));
    this.files++;
  }

  hardlink(name: string, target: string): void {
    const existing = checkMemberPath(target, this.options);
    if (!this.leaves.has(existing) || this.links.has(existing)) {
      throw unsafePath(name, `it is a hard link to \`${target}\`, which is no earlier file of this archive`);
    }
    const { path, replace } = this.leaf(name);
    this.writer.hardlink(path, existing, replace);
    this.leaves.add(path);
    this.files++;
  }

  /**
   * Once everything is there: a target such as `link/../x` means the parent of what `link` leads to, which the text alone
   * does not tell. Throws when it is outside.
   */
  finish(): void {
    for (const path of this.unsure) {
      if (!this.staysInside(path))
        throw unsafePath(path, `its link target \`${this.links.get(path)}\` is outside the package`);
    }
  }

  private leaf(name: string): { path: string; replace: boolean } {
    const path = checkMemberPath(name, this.options);
    if (path === "" || name.endsWith("/")) throw unsafePath(name, "it names a directory but is none");
    const slash = path.lastIndexOf("/");
    if (slash > 0) this.ensureDirectory(path.slice(0, slash), name);
    if (this.leaves.has(path)) throw unsafePath(path, "it is in the archive twice");
    const folded = foldPath(path);
    if (this.directories.has(path)) throw unsafePath(path, "it is both a directory and a file");
    if (this.foldedDirectories.has(folded) && this.foldsOnDisk())
      throw unsafePath(path, "its name differs from a directory in case only");
    const replace = this.leaves.has(folded) || this.foldedLeaves.has(folded);
    // Most names are their own folded form: keeping those once halves the memory of an archive of a million files.
    if (folded !== path) this.foldedLeaves.add(folded);
    return { path, replace };
  }

  private foldsOnDisk(): boolean {
    return this.options.windows || process.platform === "darwin";
  }

  private ensureDirectory(path: string, name: string): void {
    if (this.directories.has(path)) return;
    const slash = path.lastIndexOf("/");
    if (slash > 0) this.ensureDirectory(path.slice(0, slash), name);
    const folded = foldPath(path);
    // By folded name on every system: an archive that is safe on Linux only is not safe.
    if (this.foldedLinks.has(folded)) throw unsafePath(name, `\`${path}\` is a symbolic link`);
    if (this.leaves.has(path)) throw unsafePath(name, `\`${path}\` is a file`);
    this.writer.directory(path, this.foldedDirectories.has(folded));
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

/** Whether a `..` follows a name, as in `link/../x`. */
function climbsLate(target: string): boolean {
  const parts = target.split(/[\\/]/).filter((part) => part !== "" && part !== ".");
  return (
    parts.indexOf(
      "..",
      parts.findIndex((part) => part !== ".."),
    ) > 0 && parts.some((part) => part !== "..")
  );
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
