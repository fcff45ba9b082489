import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CompletionContext, complete } from "../../src/shell/completion.ts";

const common = [
  { names: ["-n", "--name"], value: "environment" as const },
  { names: ["--json"] },
  { names: ["--channel-priority"], value: ["strict", "flexible", "disabled"] },
  { names: ["-f", "--file"], value: "file" as const },
];
const leaf = (name: string, value?: "package" | "installed-package") => ({
  name,
  options: [],
  subcommands: [],
  ...(value ? { arguments: value } : {}),
});
const context: CompletionContext = {
  root: {
    name: "taipan",
    options: common,
    subcommands: [
      leaf("install", "package"),
      leaf("info"),
      { name: "env", options: [], subcommands: [leaf("list"), leaf("export")] },
    ],
  },
  candidates: (kind, start) =>
    kind === "environment"
      ? ["base", "sci"]
      : ["numpy", "numba", "scipy"].filter((name) => name.startsWith(start)),
};

describe("complete", () => {
  it.each([
    [["in"], ["info", "install"]],
    [[""], ["env", "info", "install"]],
    [
      ["env", ""],
      ["export", "list"],
    ],
    [["env", "x"], []],
    [
      ["install", "num"],
      ["numba", "numpy"],
    ],
    [
      ["install", "-n", ""],
      ["base", "sci"],
    ],
    [["install", "-n", "sci", "sc"], ["scipy"]],
    [["install", "--name=s"], ["--name=sci"]],
    [["install", "--ch"], ["--channel-priority"]],
    [["install", "--channel-priority", "s"], ["strict"]],
    [["install", "--channel-priority=d"], ["--channel-priority=disabled"]],
    [
      ["install", "-"],
      ["--channel-priority", "--file", "--json", "--name", "-f", "-n"],
    ],
    [["install", "-f", ""], []],
    [["install", "--", "--n"], []],
    [
      ["nonsense", ""],
      ["env", "info", "install"],
    ],
    [[], ["env", "info", "install"]],
  ])("%j", (words, expected) => {
    expect(complete(words, context)).toEqual(expected);
  });

  it("never throws and offers only what continues the word", () => {
    const word = fc.oneof(fc.string(), fc.constantFrom("install", "-n", "--name=", "--", "env", "--json"));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        for (const candidate of complete(words, context))
          expect(candidate.startsWith(words.at(-1) ?? "")).toBe(true);
      }),
    );
  });
});
