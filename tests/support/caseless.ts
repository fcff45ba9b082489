import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ignoresCase } from "../../src/fs/place.ts";

export interface CaselessPlace {
  path: string;
  release: () => void;
}

/**
 * A directory whose file system ignores case: the one for temporary files where it does (macOS), else an exFAT image that is mounted here.
 * Undefined, after saying so, where that needs more than this process has: root, loop devices, FUSE, exfat-fuse and exfatprogs.
 */
export function caselessPlace(): CaselessPlace | undefined {
  if (ignoresCase(tmpdir())) return { path: tmpdir(), release: () => {} };
  const base = mkdtempSync(join(tmpdir(), "taipan-exfat-"));
  const undo = [() => rmSync(base, { recursive: true, force: true })];
  const release = (): void => {
    for (const step of undo.splice(0).reverse()) step();
  };
  const run = (program: string, ...words: string[]): string =>
    execFileSync(program, words, { encoding: "utf8", stdio: "pipe" }).trim();
  try {
    const image = join(base, "image");
    const file = openSync(image, "w");
    ftruncateSync(file, 64 << 20);
    closeSync(file);
    run("mkfs.exfat", image);
    const device = run("losetup", "-f", "--show", image);
    undo.push(() => run("losetup", "-d", device));
    const mounted = join(base, "mounted");
    mkdirSync(mounted);
    run("mount.exfat-fuse", device, mounted);
    undo.push(() => run("umount", mounted));
    // Its root has no name that could be spelled in another way.
    const path = join(mounted, "tests");
    mkdirSync(path);
    if (ignoresCase(path)) return { path, release };
  } catch {
    // Told below.
  }
  release();
  process.stderr.write("skipped: no file system that ignores case, and exFAT cannot be mounted here\n");
  return undefined;
}
