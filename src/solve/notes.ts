import type { PackageRecord } from "../specs/records.ts";
import { joinWords } from "./explain-text.ts";
import type { Prepared } from "./request.ts";
import type { SolveRequest } from "./types.ts";

/** Which clock --exclude-newer went by: it is only as good as the times that a channel gives. */
export function clockNotes({ options }: SolveRequest, { clocks }: Prepared): string[] {
  if (options.excludeNewer === undefined) return [];
  const records = (count: number): string => `${count} ${count === 1 ? "record" : "records"}`;
  const parts = [
    clocks.indexed > 0 && `when the channel listed ${records(clocks.indexed)}`,
    clocks.built > 0 && `when ${records(clocks.built)} ${clocks.built === 1 ? "was" : "were"} built`,
    clocks.none > 0 && `nothing for ${records(clocks.none)} without a time, which count as old enough`,
  ].filter((part) => part !== false);
  if (parts.length === 0) return [];
  const date = new Date(options.excludeNewer).toISOString().replace(/\.000Z$/, "Z");
  return [`--exclude-newer ${date} went by ${joinWords(parts)}`];
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
