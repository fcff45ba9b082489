import { expect, it } from "vitest";
import { decodePercent } from "../../src/util/percent.ts";

it.each([
  ["a%20b", "a b"],
  ["50%", "50%"],
  ["a%zz", "a%zz"],
  ["%ff", "%ff"],
])("%s", (text, expected) => {
  expect(decodePercent(text)).toBe(expected);
});
