import { expect, test } from "vitest";
import { problemLines } from "../../src/cli/verbs/verify.ts";
import type { VerifyProblem } from "../../src/prefix/verify.ts";

test("a terminal shows the first of many damaged files, with -v and in a pipe they are all there", () => {
  const problems = Array.from(
    { length: 120 },
    (_, i): VerifyProblem => ({
      package: "a-1-0",
      path: `lib/file-${i}`,
      problem: "missing",
    }),
  );
  const rows = (lines: string[]) => lines.filter((line) => line.includes("lib/file-")).length;
  const short = problemLines(problems, 80, false);
  expect([rows(short), short.at(-1)]).toEqual([50, "  ... and 70 more (-v shows all)"]);
  expect(rows(problemLines(problems, 80, true))).toBe(120);
  expect(rows(problemLines(problems, undefined, false))).toBe(120);
  expect(problemLines(problems.slice(0, 50), 80, false)).not.toContainEqual(expect.stringContaining("more"));
});
