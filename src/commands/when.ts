import { ToolError } from "../errors.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
// A month of 30 days and a year of 365, as in libmamba.
const UNITS: Record<string, number> = {
  s: 1000,
  m: MINUTE,
  h: HOUR,
  d: DAY,
  w: 7 * DAY,
  M: 30 * DAY,
  y: 365 * DAY,
};
const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i;

/**
 * Milliseconds since the epoch of a date or of an age before `now`, as libmamba and conda read `exclude_newer`: `2026-01-31` with
 * the whole of that day, `2026-01-31T12:00:00` in UTC unless it says otherwise, `7d`, `3d12h`, `6M` (months), `30m` (minutes),
 * `P1DT12H`, or seconds.
 */
export function parseWhen(text: string, now: number): number {
  const time = instant(text.trim()) ?? ago(text.trim(), now);
  if (time !== undefined && Number.isFinite(time)) return time;
  throw new ToolError("usage", `\`${text}\` is neither a date nor an age`, {
    hint: "write a date such as 2026-01-31 or an age such as 7d, 12h, 30m (minutes), 6M (months)",
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
  return time === undefined ? start + DAY : Date.parse(`${day}T${time}${zone ?? "Z"}`);
}

function ago(text: string, now: number): number | undefined {
  if (/^\d+$/.test(text)) return now - Number(text) * 1000;
  const parts = /^(?:\d+\s*[yMwdhms]\s*)+$/.test(text) ? text : fromIso(text);
  if (parts === undefined) return undefined;
  const amounts = [...parts.matchAll(/(\d+)\s*([yMwdhms])/g)];
  return amounts.reduce((time, [, count, unit]) => time - Number(count) * UNITS[unit!]!, now);
}

/** A duration of ISO 8601 in the letters of UNITS: its `M` are months before the `T` and minutes behind it. */
function fromIso(text: string): string | undefined {
  const [, days, hours = ""] = /^P(?=\d|T\d)((?:\d+[YMWD])*)(?:T((?:\d+[HMS])+))?$/.exec(text) ?? [];
  return days === undefined
    ? undefined
    : days.replace(/[YWD]/g, (unit) => unit.toLowerCase()) + hours.toLowerCase();
}
