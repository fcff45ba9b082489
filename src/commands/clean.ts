import { join, resolve } from "node:path";
import {
  type CleanReport,
  type CleanRequest,
  cleanableBytes,
  findCleanable,
  removeCleanable,
} from "../cache/clean.ts";
import { ToolError } from "../errors.ts";
import { pathKind } from "../fs/files.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import { asMicromamba, type CommandContext } from "./context.ts";

export interface CleanIntent extends Omit<CleanRequest, "tempfilesIn"> {
  all: boolean;
  /** Environments to look for left-overs in, as written. */
  tempfilesIn?: readonly string[] | undefined;
}

export interface CleanOutcome {
  report: CleanReport;
  bytes: number;
  done: boolean;
}

/**
 * Removes what the package caches no longer need. `agree` is asked with what was found. `all` takes by micromamba's name the
 * caches of the user in ~/.cache/conda, too, as micromamba does.
 */
export async function clean(
  intent: CleanIntent,
  agree: (report: CleanReport, bytes: number) => Promise<boolean>,
  context: Pick<CommandContext, "config" | "cwd" | "dialect" | "env" | "home">,
): Promise<CleanOutcome> {
  const { all, tempfilesIn = [], ...asked } = intent;
  const prefixes: string[] = [];
  for (const text of tempfilesIn) prefixes.push(await placeToClean(resolve(context.cwd, text), context));
  const kinds: CleanRequest = all
    ? {
        tarballs: true,
        indexCache: true,
        packages: true,
        locks: true,
        trash: true,
        tempfiles: true,
        logfiles: true,
        forcePkgsDirs: asked.forcePkgsDirs,
      }
    : asked;
  const request: CleanRequest = { ...kinds, ...(prefixes.length > 0 ? { tempfilesIn: prefixes } : {}) };
  if (!Object.values(request).some(Boolean)) {
    const conda = context.dialect === "conda";
    throw new ToolError(
      "usage",
      conda ? "At least one removal target must be given" : "nothing to clean is named",
      {
        hint: "use --all, or --index-cache, --packages, --tarballs, --locks, --logfiles, --tempfiles, --trash",
      },
    );
  }
  const report = await findCleanable(context.config.pkgsDirs, request);
  if (all && asMicromamba(context)) {
    const caches = join(context.env["XDG_CACHE_HOME"] || join(context.home, ".cache"), "conda");
    if ((await pathKind(caches)) === "directory") report.index_cache?.files.push(caches);
  }
  const bytes = await cleanableBytes(report);
  if (context.config.dryRun || !(await agree(report, bytes))) return { report, bytes, done: false };
  await removeCleanable(report);
  return { report, bytes, done: true };
}

/** Only environments and package caches are searched, so that a slip does not remove somebody's `x.trash`. */
async function placeToClean(path: string, { config }: Pick<CommandContext, "config">): Promise<string> {
  if (config.pkgsDirs.includes(path) || (await isEnvironment(path))) return path;
  throw new ToolError("environment-not-found", `there is no environment at \`${path}\``, {
    details: { location: path },
  });
}
