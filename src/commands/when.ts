import { ToolError } from "../errors.ts";

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds since the epoch of a date (`2026-01-31`, with or without a time) or an age before `now` (`7d`, `P7D`, `12h`). */
export function parseWhen(text: string, now: number): number {
  const age = /^(\d+)\s*([smhdw])$/i.exec(text.trim()) ?? /^PT?(\d+)([SMHDW])$/.exec(text.trim());
  if (age) return now - Number(age[1]) * UNITS[age[2]!.toLowerCase()]!;
  if (/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text.trim())) {
    const time = Date.parse(text.trim().replace(" ", "T"));
    if (!Number.isNaN(time)) return time;
  }
  throw new ToolError("usage", `\`${text}\` is neither a date nor an age`, {
    hint: "write a date such as 2026-01-31 or an age such as 7d, 12h",
  });
}
