import { describe, expect, it } from "vitest";
import { parseWhen, parseWhenByName } from "../../src/commands/when.ts";

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe("parseWhen", () => {
  it.each([
    ["0", 0],
    ["0d", 0],
    ["P0D", 0],
    ["3600", HOUR],
    ["7d", 7 * DAY],
    ["1w", 7 * DAY],
    ["3d12h", 3 * DAY + 12 * HOUR],
    ["90 m", 1.5 * HOUR],
    ["P7D", 7 * DAY],
    ["PT24H", DAY],
    ["PT5M", HOUR / 12],
    ["P1DT12H", DAY + 12 * HOUR],
    ["6M", 180 * DAY],
    ["30m", HOUR / 2],
    ["1m2M", HOUR / 60 + 60 * DAY],
    ["1y6M7d", 552 * DAY],
    ["P6M", 180 * DAY],
    ["PT1M", HOUR / 60],
    ["P3Y6M4DT12H30M5S", 1279 * DAY + 12.5 * HOUR + 5000],
  ])("takes %s for an age", (text, age) => {
    expect(parseWhen(text, NOW)).toBe(NOW - age);
  });

  it.each([
    ["2026-04-01", "2026-04-02T00:00:00Z"],
    ["2024-02-29", "2024-03-01T00:00:00Z"],
    ["2025-12-31", "2026-01-01T00:00:00Z"],
    ["2026-04-01T12:00:00", "2026-04-01T12:00:00Z"],
    ["2026-04-01 12:00", "2026-04-01T12:00:00Z"],
    ["2026-04-01T12:00:00+02:00", "2026-04-01T10:00:00Z"],
    ["2026-04-01T12:00:00.5Z", "2026-04-01T12:00:00.500Z"],
  ])("takes %s for a date, in UTC and with the whole of a day", (text, instant) => {
    expect(parseWhen(text, NOW)).toBe(Date.parse(instant));
  });

  it.each([
    "not-a-duration",
    "P",
    "PT",
    "P3Y6M4D12H",
    "3Y6M",
    "7D",
    "7d12",
    "1.5d",
    "2026-02-30",
    "2026-13-01",
    "2026-01-01T25:00",
    "d",
    "-7d",
  ])("refuses %s", (text) => {
    expect(() => parseWhen(text, NOW)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

it("takes limits of single packages, and false for none", () => {
  expect([...parseWhenByName({ pandas: "7d", mine: "false" }, NOW)]).toEqual([
    ["pandas", NOW - 7 * DAY],
    ["mine", Infinity],
  ]);
});
