import type { CleanReport } from "../../cache/clean.ts";
import { clean } from "../../commands/clean.ts";
import { ToolError } from "../../errors.ts";
import { formatBytes, plural } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const { dryRun } = session.config.values;
  const intent = {
    all: flag(invocation, "all"),
    indexCache: flag(invocation, "indexCache"),
    packages: flag(invocation, "packages"),
    tarballs: flag(invocation, "tarballs"),
    locks: flag(invocation, "locks"),
    trash: flag(invocation, "trash"),
    tempfiles: flag(invocation, "tempfiles"),
    tempfilesIn: prefixesOf(invocation),
    logfiles: flag(invocation, "logfiles"),
    forcePkgsDirs: flag(invocation, "forcePkgsDirs"),
    olderThan: text(invocation, "olderThan"),
    maxSize: text(invocation, "maxSize"),
  };
  // No sources are kept, which the options' table says; old scripts clean them alone.
  const { tempfilesIn, ...others } = intent;
  const nothingElse = tempfilesIn.length === 0 && !Object.values(others).some(Boolean);
  if (flag(invocation, "sourceCache") && nothingElse) {
    if (session.json) session.printJson({ success: true, dry_run: dryRun });
    return EXIT.ok;
  }
  const outcome = await clean(
    intent,
    async (report, bytes) => {
      if (!session.json && !session.quiet) session.print(describe(report, bytes).join("\n"));
      return bytes === 0 && isEmpty(report) ? true : session.ask("Remove them?");
    },
    session.context,
  );
  session.settle();
  if (session.json) session.printJson({ success: true, dry_run: dryRun, ...outcome.report });
  else if (dryRun) session.print(describe(outcome.report, outcome.bytes).join("\n"));
  else session.say(outcome.done ? `Freed ${formatBytes(outcome.bytes)}` : "Nothing was removed.");
  return outcome.done || dryRun ? EXIT.ok : EXIT.failure;
}

/** conda's `--tempfiles PREFIX...`. */
function prefixesOf(invocation: Invocation): readonly string[] {
  const { args } = invocation;
  if (args.length === 0 || flag(invocation, "tempfiles")) return args;
  throw new ToolError("usage", `\`clean\` was not told what to do with \`${args[0]}\``, {
    hint: "only --tempfiles takes environments",
  });
}

function counts(report: CleanReport): [string, number][] {
  const sized = (items: CleanReport["tarballs"]) => Object.values(items?.pkgs_dirs ?? {}).flat().length;
  return [
    ["archive", sized(report.tarballs)],
    ["unused package", sized(report.packages)],
    ["index cache", report.index_cache?.files.length ?? 0],
    ["lock", report.locks?.length ?? 0],
    [
      "left-over",
      (report.tempfiles?.length ?? 0) + (report.trash?.length ?? 0) + (report.logfiles?.length ?? 0),
    ],
    ["whole package cache", report.pkgs_dirs?.length ?? 0],
  ];
}

function isEmpty(report: CleanReport): boolean {
  return counts(report).every(([, count]) => count === 0);
}

function describe(report: CleanReport, bytes: number): string[] {
  const found = counts(report).filter(([, count]) => count > 0);
  const rest = report.remaining_size;
  const stays = rest ? [`  ${formatBytes(rest)} of archives and packages stay`] : [];
  if (found.length === 0) return ["There is nothing to remove.", ...stays];
  return [
    ...found.map(([what, count]) => `  ${plural(count, what)}`),
    `  ${formatBytes(bytes)} in all`,
    ...stays,
  ];
}
