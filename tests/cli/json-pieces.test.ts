import fc from "fast-check";
import { expect, it } from "vitest";
import { jsonPieces } from "../../src/cli/render/json-pieces.ts";

const text = (value: unknown): string => [...jsonPieces(value)].join("");

it("writes documents in pieces as JSON.stringify does in one", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(text(value)).toBe(JSON.stringify(value, null, 2));
    }),
  );
  const odd = { none: undefined, when: new Date(0), quoted: "a\nb", list: [undefined, {}], empty: {} };
  expect(text(odd)).toBe(JSON.stringify(odd, null, 2));
});

it("writes an iterator as a list, however deep", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (items) => {
      expect(text({ a: { b: items.values(), c: 1 } })).toBe(
        JSON.stringify({ a: { b: items, c: 1 } }, null, 2),
      );
    }),
  );
});
