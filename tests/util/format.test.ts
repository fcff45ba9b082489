import { expect, it } from "vitest";
import { typedWord } from "../../src/util/format.ts";

it("quotes a word for the shell that it will be typed into", () => {
  expect(typedWord("/opt/envs/sci", "linux-64")).toBe("/opt/envs/sci");
  expect(typedWord("/it's here", "linux-64")).toBe(`'/it'\\''s here'`);
  expect(typedWord("C:\\envs\\sci", "linux-64")).toBe("'C:\\envs\\sci'");
  expect(typedWord("C:\\envs\\sci", "win-64")).toBe("C:\\envs\\sci");
  expect(typedWord("C:\\my (envs)\\sci", "win-64")).toBe('"C:\\my (envs)\\sci"');
});
