import { describe, expect, it } from "vitest";
import { checkMemberPath } from "../../src/archive/member-path.ts";

/** Names that the readers of tar and zip refuse before they get here are refused here as well. */
describe("names of archive members, judged as strings", () => {
  it.each(["", "a\0b", "lib/\0", "a\nb", "a\u007f", "/etc/x", "\\x", "C:/x", "a/../../x", "a\\..\\..\\x"])(
    "%j is refused",
    (name) => {
      expect(() => checkMemberPath(name, { windows: false })).toThrow(
        expect.objectContaining({ code: "archive-unsafe-path" }),
      );
    },
  );

  it.each(["a\\b", "a:b", "lib/aux.txt", "x.", "x ", "a|b"])("%j is refused for Windows only", (name) => {
    expect(() => checkMemberPath(name, { windows: true })).toThrow(
      expect.objectContaining({ code: "archive-unsafe-path" }),
    );
    expect(checkMemberPath(name, { windows: false })).toBe(name);
  });

  it("one path has one spelling", () => {
    expect(checkMemberPath("./lib//a/./b/", { windows: true })).toBe("lib/a/b");
    expect(checkMemberPath("./", { windows: true })).toBe("");
  });
});
