import fs, {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Linker, replaceFile } from "../../src/fs/link.ts";

const scratch = (parent = tmpdir()): string => {
  const path = mkdtempSync(join(parent, "taipan-link-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
};
const ALL = ["reflink", "hardlink", "softlink", "copy"] as const;

describe("links", () => {
  test("are hard links below 64 KiB; what cannot be linked is copied with its mode and time", () => {
    const [from, to] = [scratch(), scratch()];
    writeFileSync(join(from, "a.py"), "x");
    chmodSync(join(from, "a.py"), 0o755);
    utimesSync(join(from, "a.py"), 1_000_000_000, 1_000_000_000);
    const linker = new Linker(to, ALL);
    linker.file(join(from, "a.py"), join(to, "linked"), 1, true);
    expect(statSync(join(to, "linked")).ino).toBe(statSync(join(from, "a.py")).ino);
    linker.copy(join(from, "a.py"), join(to, "copied"), true);
    const copy = statSync(join(to, "copied"));
    expect([copy.ino === statSync(join(from, "a.py")).ino, copy.mode & 0o777, copy.mtimeMs]).toEqual([
      false,
      0o755,
      1_000_000_000_000,
    ]);
    expect(linker.counts).toEqual({ reflink: 0, hardlink: 1, softlink: 0, copy: 1 });
    expect(() => linker.file(join(from, "none"), join(to, "none"), 1, true)).toThrowError(
      /listed by its package, but is not there/,
    );
  });

  test("a large file has its own inode or the same, and the same bytes in any case", () => {
    const [from, to] = [scratch(), scratch()];
    const bytes = Buffer.alloc(100_000, "x");
    writeFileSync(join(from, "large"), bytes);
    const linker = new Linker(to, ALL);
    for (const name of ["one", "two"]) {
      linker.file(join(from, "large"), join(to, name), bytes.length, false);
      expect(readFileSync(join(to, name)).equals(bytes)).toBe(true);
    }
    expect(linker.counts.reflink + linker.counts.hardlink).toBe(2);
  });

  const other = existsSync("/dev/shm") && statSync("/dev/shm").dev !== statSync(tmpdir()).dev;
  test.skipIf(!other)(
    "fall back between file systems: to symlinks where they are allowed, else to copies",
    () => {
      const [from, to] = [scratch(), scratch("/dev/shm")];
      for (const name of ["a", "b"]) writeFileSync(join(from, name), name);
      writeFileSync(join(from, "large"), Buffer.alloc(70_000));
      const soft = new Linker(to, ALL);
      soft.file(join(from, "a"), join(to, "soft"), 1, true);
      expect(readlinkSync(join(to, "soft"))).toBe(join(from, "a"));
      const copies = new Linker(to, ["reflink", "hardlink", "copy"]);
      copies.file(join(from, "large"), join(to, "large"), 70_000, false);
      for (const name of ["a", "b"]) copies.file(join(from, name), join(to, name), 1, true);
      expect(copies.counts).toEqual({ reflink: 0, hardlink: 0, softlink: 0, copy: 3 });
      expect(lstatSync(join(to, "b")).isFile()).toBe(true);
      expect(readFileSync(join(to, "large")).length).toBe(70_000);
    },
  );

  /** Counts the calls of one function of node:fs, which may fail for some. */
  const watch = (name: "linkSync" | "copyFileSync", fails: (target: string) => string | undefined) => {
    const real = fs[name] as (...args: unknown[]) => void;
    const calls: string[] = [];
    const replaced = (...args: unknown[]): void => {
      calls.push(basename(String(args[1])));
      const code = fails(String(args[1]));
      if (code) throw Object.assign(new Error(code), { code });
      real(...args);
    };
    Object.assign(fs, { [name]: replaced });
    syncBuiltinESMExports();
    onTestFinished(() => {
      Object.assign(fs, { [name]: real });
      syncBuiltinESMExports();
    });
    return calls;
  };
  const linkThree = (methods: readonly ("reflink" | "hardlink" | "copy")[], size: number): Linker => {
    const [from, to] = [scratch(), scratch()];
    const linker = new Linker(to, methods);
    for (const name of ["a", "b", "c"]) {
      writeFileSync(join(from, name), Buffer.alloc(size));
      linker.file(join(from, name), join(to, name), size, false);
      expect(statSync(join(to, name)).size).toBe(size);
    }
    return linker;
  };

  test("what does not work between two places is tried once; too many links of one file say nothing of others", () => {
    let failure: (target: string) => string | undefined = () => "EXDEV";
    const links = watch("linkSync", (target) => failure(target));
    expect(linkThree(["hardlink", "copy"], 10).counts).toMatchObject({ hardlink: 0, copy: 3 });
    expect(links.splice(0)).toEqual(["a"]);
    failure = (target) => (target.endsWith("b") ? "EMLINK" : undefined);
    expect(linkThree(["hardlink", "copy"], 10).counts).toMatchObject({ hardlink: 2, copy: 1 });
    expect(links).toEqual(["a", "b", "c"]);
  });

  test("blocks are shared from 64 KiB on, and not tried again where that does not work", () => {
    const copies = watch("copyFileSync", () => "EOPNOTSUPP");
    expect(linkThree(["reflink", "hardlink", "copy"], 65_535).counts.hardlink).toBe(3);
    expect(copies).toEqual([]);
    expect(linkThree(["reflink", "hardlink", "copy"], 65_536).counts.hardlink).toBe(3);
    expect(copies).toEqual(["a"]);
  });

  test("symlinks are made again as they are, dangling ones too; what is a file after all is linked", () => {
    const [from, to] = [scratch(), scratch()];
    symlinkSync("../no/such", join(from, "dangling"));
    writeFileSync(join(from, "file"), "x");
    const linker = new Linker(to, ALL);
    expect(linker.symlink(join(from, "dangling"), join(to, "dangling"))).toBe(true);
    expect(readlinkSync(join(to, "dangling"))).toBe("../no/such");
    expect(linker.symlink(join(from, "file"), join(to, "file"))).toBe(true);
    expect(readFileSync(join(to, "file"), "utf8")).toBe("x");
    expect(linker.symlink(join(from, "none"), join(to, "none"))).toBe(false);
  });

  test("directories are made inside the root, and not through a symlink", () => {
    const [to, outside] = [scratch(), scratch()];
    const linker = new Linker(to, ALL);
    linker.directory(join(to, "a/b/c"));
    expect(statSync(join(to, "a/b/c")).isDirectory()).toBe(true);
    symlinkSync(outside, join(to, "out"));
    expect(() => linker.directory(join(to, "out/x"))).toThrowError(/needed as a directory/);
    expect(() => linker.directory(outside)).toThrowError(/outside/);
    expect(existsSync(join(outside, "x"))).toBe(false);
  });

  test("a file that is replaced is old or new: no part of it stays when that fails", () => {
    const to = scratch();
    mkdirSync(join(to, "taken"));
    expect(() => replaceFile(join(to, "taken"), "x", 0o644)).toThrow();
    replaceFile(join(to, "bytes"), Uint8Array.of(1, 2), 0o600);
    expect([...readFileSync(join(to, "bytes"))]).toEqual([1, 2]);
    expect(statSync(join(to, "bytes")).mode & 0o777).toBe(0o600);
  });
});
