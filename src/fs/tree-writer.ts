import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { codeOf, fromSystemError, ToolError } from "../errors.ts";

const CREATE =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL | (fs.constants.O_NOFOLLOW ?? 0);

/**
 * Writes a new directory tree with few system calls: open, write, close for a file; no stat, chmod or utime. Synchronous,
 * because it runs in worker threads, where a promise per file costs more than the call. It judges no path: callers pass
 * relative paths that they have checked, below directories that they have created with it.
 */
export class TreeWriter {
  readonly root: string;
  private file: number | undefined;
  private filePath = "";

  /** Creates `root`, which must not exist or be empty. */
  constructor(root: string) {
    this.root = root;
    try {
      fs.mkdirSync(dirname(root), { recursive: true });
      fs.mkdirSync(root);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw fromSystemError(error, "create directory", root);
      const stat = fs.lstatSync(root);
      if (!stat.isDirectory() || fs.readdirSync(root).length > 0) {
        throw new ToolError("io-error", `cannot extract into \`${root}\`: it is not empty`, { cause: error });
      }
    }
  }

  /** Creates a directory; its parent exists. `mayExist` is for names that differ in case only. */
  directory(path: string, mayExist: boolean): void {
    this.attempt("create directory", path, (full) => {
      try {
        fs.mkdirSync(full);
      } catch (error) {
        if (!mayExist || codeOf(error) !== "EEXIST") throw error;
      }
    });
  }

  /** Starts a new file. `replace` unlinks what has the name on a file system that ignores case. */
  openFile(path: string, mode: number, replace: boolean): void {
    this.filePath = path;
    this.attempt("create", path, (full) => {
      this.file = this.creating(full, replace, () => fs.openSync(full, CREATE, mode));
    });
  }

  /** Appends to the open file. */
  write(bytes: Uint8Array): void {
    const file = this.file;
    if (file === undefined) return;
    this.attempt("write", this.filePath, () => {
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(file, bytes, at, bytes.length - at);
    });
  }

  closeFile(): void {
    const file = this.file;
    if (file === undefined) return;
    this.file = undefined;
    // A full NFS or quota is reported here.
    this.attempt("write", this.filePath, () => fs.closeSync(file));
  }

  /** False when this system does not let the user create symbolic links (Windows without developer mode). */
  symlink(path: string, target: string, replace: boolean): boolean {
    let made = true;
    this.attempt("create symbolic link", path, (full) => {
      try {
        this.creating(full, replace, () => fs.symlinkSync(target, full));
      } catch (error) {
        if (process.platform !== "win32" || codeOf(error) !== "EPERM") throw error;
        made = false;
      }
    });
    return made;
  }

  /** A second name of a file of this tree, or a copy where the file system has no hard links. */
  hardlink(path: string, existing: string, replace: boolean): void {
    const from = join(this.root, existing);
    this.attempt("create hard link", path, (full) => {
      this.creating(full, replace, () => {
        try {
          fs.linkSync(from, full);
        } catch (error) {
          if (codeOf(error) === "EEXIST") throw error;
          fs.copyFileSync(from, full, fs.constants.COPYFILE_EXCL);
        }
      });
    });
  }

  /** Closes what is open; the tree stays. */
  close(): void {
    if (this.file === undefined) return;
    fs.closeSync(this.file);
    this.file = undefined;
  }

  private creating<T>(full: string, replace: boolean, create: () => T): T {
    try {
      return create();
    } catch (error) {
      if (!replace || codeOf(error) !== "EEXIST") throw error;
      fs.unlinkSync(full);
      return create();
    }
  }

  private attempt(action: string, path: string, work: (full: string) => void): void {
    const full = `${this.root}/${path}`;
    try {
      work(full);
    } catch (error) {
      throw fromSystemError(error, action, full);
    }
  }
}
