import { matchSpecMatches } from "../specs/match-spec.ts";
import type { PackageRecord } from "../specs/records.ts";
import { joinWords } from "./explain-text.ts";
import type { Prepared } from "./request.ts";
import type { SolveRequest } from "./types.ts";

/** Which clock --exclude-newer went by: it is only as good as the times that a channel gives. */
export function clockNotes({ options }: SolveRequest, { clocks }: Prepared): string[] {
  if (options.excludeNewer === undefined) return [];
  const records = (count: number): string => `${count} ${count === 1 ? "record has" : "records have"}`;
  const parts = [
    clocks.built > 0 && `${records(clocks.built)} no time of listing; the time of building was used`,
    clocks.none > 0 &&
      `${records(clocks.none)} no time, and ${clocks.none === 1 ? "counts" : "count"} as old enough`,
  ].filter((part) => part !== false);
  if (parts.length === 0) return [];
  const date = new Date(options.excludeNewer).toISOString().replace(/\.000Z$/, "Z");
  return [`--exclude-newer ${date}: ${parts.join("; ")}`];
}

/** What was asked for before, held until now, and gives way to this request. */
export function brokenWishNotes(request: SolveRequest, records: readonly PackageRecord[]): string[] {
  const { history, jobs, installed, options } = request;
  if (options.onlyRequested) return [];
  const named = new Set([...jobs.install, ...jobs.update].map(({ name }) => name));
  return history.flatMap((spec) => {
    const before = installed.find(({ name }) => name === spec.name);
    if (!before || named.has(spec.name) || !matchSpecMatches(spec, before)) return [];
    const after = records.find(({ name }) => name === spec.name);
    if (after && matchSpecMatches(spec, after)) return [];
    const outcome = after ? `this gives ${after.name} ${after.version}` : "this removes it";
    return [`\`${spec.source}\` was asked for before; ${outcome}`];
  });
}

/** Extras (CEP 44) that were asked for and that the chosen record does not have. */
export function extraNotes({ jobs }: SolveRequest, records: readonly PackageRecord[]): string[] {
  return [...jobs.install, ...jobs.update].flatMap((spec) => {
    const record = spec.extras && records.find(({ name }) => name === spec.name);
    if (!record) return [];
    const known = Object.keys(record.extra_depends ?? {});
    return spec
      .extras!.filter((extra) => !known.includes(extra))
      .map((extra) => {
        const offer = known.length > 0 ? `; it has ${joinWords(known.map((name) => `\`${name}\``))}` : "";
        return `${record.name} ${record.version} has no extra \`${extra}\`${offer}`;
      });
  });
}
