import { join, resolve } from "node:path";
import {
  type CleanReport,
  type CleanRequest,
  cleanableBytes,
  findCleanable,
  removeCleanable,
} from "../cache/clean.ts";
import { ToolError } from "../errors.ts";
import { measureTree } from "../fs/cache-files.ts";
import { pathKind } from "../fs/files.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import { asMicromamba, type CommandContext } from "./context.ts";
import { parseWhen } from "./when.ts";

export interface CleanIntent extends Omit<CleanRequest, "tempfilesIn" | "limits"> {
  all: boolean;
  /** Of archives and packages only what was not used for so long: an age, or a date. Alone, it means both. */
  olderThan?: string | undefined;
  /** Of archives and packages, the least recently used until the rest takes so much. Alone, it means both. */
  maxSize?: string | undefined;
  /** Environments to look for left-overs in, as written. */
  tempfilesIn?: readonly string[] | undefined;
}

export interface CleanOutcome {
  report: CleanReport;
  /** What it takes, or, once that is done, what was freed. */
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
  context: Pick<CommandContext, "config" | "cwd" | "dialect" | "env" | "events" | "home">,
): Promise<CleanOutcome> {
  const { all, tempfilesIn = [], olderThan, maxSize, ...named } = intent;
  const limits = { usedSince: momentOf(olderThan), maxBytes: sizeOf(maxSize) };
  const limited = olderThan !== undefined || maxSize !== undefined;
  if (limited && named.forcePkgsDirs)
    throw new ToolError(
      "usage",
      "--force-pkgs-dirs removes whole package caches, whatever their age and size",
      {
        hint: "leave out --older-than and --max-size, or --force-pkgs-dirs",
      },
    );
  const both = limited && !named.tarballs && !named.packages;
  const asked = both ? { ...named, tarballs: true, packages: true } : named;
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
  if (limited) request.limits = limits;
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
  const kept = await removeCleanable(report);
  let stays = 0;
  for (const path of kept) stays += (await measureTree(path)).bytes;
  if (kept.length > 0)
    context.events({
      type: "warning",
      code: "not-removed",
      message: `what other users own in the package cache stays: ${kept.map((path) => `\`${path}\``).join(", ")}`,
      hint: "each of them can run `taipan clean`",
    });
  return { report, bytes: bytes - stays, done: true };
}

/** Of a bare number it cannot be told what it counts: seconds, as elsewhere, would take nearly everything. */
function momentOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const now = Date.now();
  const moment = /^\s*\d+\s*$/.test(text) ? undefined : parseWhen(text, now);
  if (moment !== undefined && moment <= now) return moment;
  throw new ToolError(
    "usage",
    `--older-than takes an age with a unit, or a date in the past, not \`${text}\``,
    {
      hint: "write an age such as 30d, 12h or 6M (months), or a date such as 2026-01-31",
    },
  );
}

const SIZE = /^(\d{1,15}(?:\.\d{1,6})?)\s*([kMGT])(i?)B?$/i;
const POWERS = "kmgt";

/** Bytes. */
function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text.trim() === "0") return 0;
  const [, amount, unit = "", binary] = SIZE.exec(text.trim()) ?? [];
  if (amount !== undefined)
    return Number(amount) * (binary ? 1024 : 1000) ** (POWERS.indexOf(unit.toLowerCase()) + 1);
  throw new ToolError("usage", `--max-size takes a size with a unit, not \`${text}\``, {
    hint: "write a size such as 5G or 500M (decimal), or 4Gi (binary)",
  });
}

/** Only environments and package caches are searched, so that a slip does not remove somebody's `x.trash`. */
async function placeToClean(path: string, { config }: Pick<CommandContext, "config">): Promise<string> {
  if (config.pkgsDirs.includes(path) || (await isEnvironment(path))) return path;
  throw new ToolError("environment-not-found", `there is no environment at \`${path}\``, {
    details: { location: path },
  });
}
