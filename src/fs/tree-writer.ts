import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { codeOf, fromSystemError, ToolError } from "../errors.ts";
import { makeDirectory } from "./tree.ts";

const CREATE =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | (fs.constants.O_NOFOLLOW ?? 0);

/**
 * Writes a new directory tree with few system calls: open, write, utime, close for a file; no stat or chmod. Synchronous,
 * because it runs in worker threads, where a promise per file costs more than the call. It judges no path: callers pass
 * relative paths that they have checked, below directories that they have created with it. No name is written to twice: each
 * is created anew (O_EXCL), and where that fails the caller decides.
 */
export class TreeWriter {
  readonly root: string;
  private file: number | undefined;
  private filePath = "";
  private fileTime: number | undefined;

  /** Creates `root`, which must not exist or be empty. */
  constructor(root: string) {
    this.root = root;
    try {
      makeDirectory(dirname(root));
      fs.mkdirSync(root);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw fromSystemError(error, "create directory", root);
      const stat = fs.lstatSync(root);
      if (!stat.isDirectory() || fs.readdirSync(root).length > 0) {
        throw new ToolError("io-error", `cannot extract into \`${root}\`: it is not empty`, { cause: error });
      }
    }
  }

  /** Creates a directory; its parent exists. False when the name is taken. */
  directory(path: string): boolean {
    return this.unlessTaken("create directory", path, (full) => fs.mkdirSync(full));
  }

  /** Starts a new file, which gets this time (seconds since the epoch) when it is closed. False when the name is taken. */
  openFile(path: string, mode: number, mtime?: number): boolean {
    const full = this.full(path);
    this.filePath = full;
    this.fileTime = mtime;
    try {
      this.file = fs.openSync(full, CREATE, mode);
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw fromSystemError(error, "create", full);
    }
  }

  /** Appends bytes `from` to `to` to the open file. */
  write(bytes: Uint8Array, from: number, to: number): void {
    const { file } = this;
    if (file === undefined) return;
    try {
      for (let at = from; at < to; ) at += fs.writeSync(file, bytes, at, to - at);
    } catch (error) {
      throw fromSystemError(error, "write", this.filePath);
    }
  }

  closeFile(): void {
    const { file } = this;
    if (file === undefined) return;
    this.file = undefined;
    this.setTime(file);
    try {
      fs.closeSync(file);
    } catch (error) {
      // A full NFS or quota is reported here.
      throw fromSystemError(error, "write", this.filePath);
    }
  }

  /**
   * python takes the byte code of a package for stale when its source has another time than it had when it was packaged: it would
   * compile again, at each start where it cannot write. 1.5 us a file.
   */
  private setTime(file: number): void {
    if (this.fileTime === undefined) return;
    try {
      fs.futimesSync(file, this.fileTime, this.fileTime);
    } catch {
      // A file system without times of this range; nothing else depends on them.
    }
  }

  /** `refused`: this system does not let the user create symbolic links (Windows without developer mode). */
  symlink(path: string, target: string): "made" | "taken" | "refused" {
    let refused = false;
    const made = this.unlessTaken("create symbolic link", path, (full) => {
      try {
        fs.symlinkSync(target, full);
      } catch (error) {
        if (codeOf(error) === "EEXIST") throw error;
        if (process.platform !== "win32") throw noSymlinks(error, full);
        if (codeOf(error) !== "EPERM") throw error;
        refused = true;
      }
    });
    return refused ? "refused" : made ? "made" : "taken";
  }

  /** A second name of a file of this tree, or a copy where the file system has no hard links. False when the name is taken. */
  hardlink(path: string, existing: string): boolean {
    const from = this.full(existing);
    return this.unlessTaken("create hard link", path, (full) => {
      try {
        fs.linkSync(from, full);
      } catch (error) {
        if (codeOf(error) === "EEXIST") throw error;
        fs.copyFileSync(from, full, fs.constants.COPYFILE_EXCL);
      }
    });
  }

  /** What has this name, without following a link. */
  kindOf(path: string): "file" | "directory" | "other" | undefined {
    const full = this.full(path);
    try {
      const stat = fs.lstatSync(full, { throwIfNoEntry: false });
      return stat && (stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other");
    } catch (error) {
      throw fromSystemError(error, "look at", full);
    }
  }

  /** Removes a file or link whose name, on this file system, is another spelling of `path`. False when it is the same spelling. */
  removeOtherSpelling(path: string): boolean {
    const name = basename(path).normalize("NFC");
    const full = this.full(path);
    if (fs.readdirSync(dirname(full)).some((other) => other.normalize("NFC") === name)) return false;
    try {
      fs.unlinkSync(full);
    } catch (error) {
      throw fromSystemError(error, "remove", full);
    }
    return true;
  }

  /** Closes what is open; the tree stays. */
  close(): void {
    if (this.file === undefined) return;
    fs.closeSync(this.file);
    this.file = undefined;
  }

  private full(path: string): string {
    return `${this.root}/${path}`;
  }

  private unlessTaken(action: string, path: string, create: (full: string) => void): boolean {
    const full = this.full(path);
    try {
      create(full);
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw fromSystemError(error, action, full);
    }
  }
}

/** symlink(2) says EPERM where the file system has no symbolic links (exFAT, SMB): the user's rights have no part in it. */
function noSymlinks(error: unknown, path: string): unknown {
  if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error) ?? "")) return error;
  return new ToolError("io-error", `cannot create symbolic link \`${path}\`: its file system has none`, {
    hint: "choose another place for the package cache (`pkgs_dirs`) or the environments",
    cause: error,
  });
}
