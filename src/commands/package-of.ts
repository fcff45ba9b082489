import { dirname, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { listEntries } from "../fs/cache-files.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import { distString } from "../specs/records.ts";
import type { CommandContext } from "./context.ts";
import { targetContext } from "./environment.ts";
import { readEnvironment } from "./list.ts";
import { readForQuery } from "./prefix-state.ts";
import { resolveTarget, type TargetOptions } from "./target.ts";

export interface FileOwner {
  /** Absolute. */
  path: string;
  prefix: string;
  /** Dist strings; more than one where packages overwrite each other, none for files that no package brought. */
  packages: string[];
}

/** Which packages have a file (conda's `package --which`). The environment is the one that is named, or the one around the file. */
export async function packagesOf(
  paths: readonly string[],
  target: TargetOptions,
  context: CommandContext,
): Promise<FileOwner[]> {
  const named = target.name ?? target.prefix;
  const given = named === undefined ? undefined : await resolveTarget(target, targetContext(context));
  const owners: FileOwner[] = [];
  for (const text of paths) {
    const path = resolve(given ?? context.cwd, text);
    const prefix = given ?? (await environmentAround(path));
    const relative = path.slice(prefix.length + 1).replaceAll("\\", "/");
    const state = await readForQuery(prefix, context);
    const packages = (state?.records ?? []).filter((record) => record.files.includes(relative));
    owners.push({ path, prefix, packages: packages.map(distString).sort() });
  }
  return owners;
}

async function environmentAround(path: string): Promise<string> {
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) if (await isEnvironment(at)) return at;
  throw new ToolError("environment-not-found", `\`${path}\` is in no environment`, {
    hint: "name one with -n or -p; paths then count from it",
  });
}

/** Directories at the top of a prefix that are no part of the environment. */
const OTHERS = new Set(["conda-bld", "conda-meta", "envs", "pkgs"]);

/**
 * Files below an environment that no package brought, sorted, relative to it (conda's `package --untracked`). What python
 * compiled and what editors and Finder leave is not counted, as conda does not either.
 */
export async function untrackedFiles(
  target: TargetOptions,
  context: CommandContext,
): Promise<{ prefix: string; files: string[] }> {
  const { prefix, state } = await readEnvironment(target, context);
  const owned = new Set(state.records.flatMap(({ files }) => files));
  const files: string[] = [];
  const pending = [prefix];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const { path, kind } of await listEntries(directory)) {
      const inside = path.slice(prefix.length + 1).replaceAll("\\", "/");
      if (kind === "directory") {
        if (!OTHERS.has(inside)) pending.push(path);
      } else if (!owned.has(inside) && !/(\.pyc|~|(^|\/)\.DS_Store)$/.test(inside)) files.push(inside);
    }
  }
  return { prefix, files: files.sort() };
}
