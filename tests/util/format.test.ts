import { expect, it } from "vitest";
import { typedWord } from "../../src/util/format.ts";

it("quotes a word for the shell that it will be typed into", () => {
  expect(typedWord("/opt/envs/sci", false)).toBe("/opt/envs/sci");
  expect(typedWord("/it's here", false)).toBe(`'/it'\\''s here'`);
  expect(typedWord("C:\\envs\\sci", false)).toBe("'C:\\envs\\sci'");
  expect(typedWord("C:\\envs\\sci", true)).toBe("C:\\envs\\sci");
  expect(typedWord("C:\\my (envs)\\sci", true)).toBe('"C:\\my (envs)\\sci"');
});
