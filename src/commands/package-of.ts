import { dirname, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import { distString } from "../specs/records.ts";
import type { CommandContext } from "./context.ts";
import { targetContext } from "./environment.ts";
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
