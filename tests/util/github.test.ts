import { expect, it } from "vitest";
import { errorCommand } from "../../src/util/github.ts";

it("a failure is one line, whatever its message and the name of its file hold", () => {
  const place = { file: "/w/a:b,c\n::evil::", line: 3, column: 5 };
  expect(errorCommand("100%\n::add-path::/evil", "a\rb", place)).toBe(
    "::error file=/w/a%3Ab%2Cc%0A%3A%3Aevil%3A%3A,line=3,col=5,title=taipan::100%25%0A::add-path::/evil (a%0Db)\n",
  );
  expect(errorCommand("gone")).toBe("::error title=taipan::gone\n");
});
