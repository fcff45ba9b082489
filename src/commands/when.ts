import { ToolError } from "../errors.ts";

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i;

/**
 * Milliseconds since the epoch of a date or of an age before `now`, as libmamba and conda read `exclude_newer`: `2026-01-31` with
 * the whole of that day, `2026-01-31T12:00:00` in UTC unless it says otherwise, `7d`, `3d12h`, `P1DT12H`, or seconds.
 */
export function parseWhen(text: string, now: number): number {
  const time = instant(text.trim()) ?? ago(text.trim(), now);
  if (time !== undefined && Number.isFinite(time)) return time;
  throw new ToolError("usage", `\`${text}\` is neither a date nor an age`, {
    hint: "write a date such as 2026-01-31 or an age such as 7d, 12h",
  });
}

/** `exclude_newer_package`: a date or an age for each name; `false` is no limit, whatever holds for the others. */
export function parseWhenByName(limits: Readonly<Record<string, string>>, now: number): Map<string, number> {
  return new Map(
    Object.entries(limits).map(([name, text]) => [name, text === "false" ? Infinity : parseWhen(text, now)]),
  );
}

function instant(text: string): number | undefined {
  const [, day, time, zone] = DATE.exec(text) ?? [];
  if (day === undefined) return undefined;
  // Date.parse takes the 31st of any month for a day of the next one.
  const start = Date.parse(day);
  if (Number.isNaN(start) || new Date(start).toISOString().slice(0, 10) !== day) return undefined;
  return time === undefined ? start + UNITS["d"]! : Date.parse(`${day}T${time}${zone ?? "Z"}`);
}

function ago(text: string, now: number): number | undefined {
  if (/^\d+$/.test(text)) return now - Number(text) * 1000;
  // Months have no fixed length: before the T of ISO 8601 there is none of them.
  const compact = /^(?:\d+\s*[smhdw]\s*)+$/i.test(text);
  const iso = /^P(?=.)(?:\d+[WD])*(?:T(?:\d+[HMS])+)?$/.test(text);
  if (!compact && !iso) return undefined;
  const parts = [...text.matchAll(/(\d+)\s*([smhdw])/gi)];
  return parts.reduce((time, [, count, unit]) => time - Number(count) * UNITS[unit!.toLowerCase()]!, now);
}
