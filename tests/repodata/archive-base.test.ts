import { describe, expect, it } from "vitest";
import { resolveBase } from "../../src/repodata/archive-base.ts";

describe("base_url (CEP 15)", () => {
  const resolve = (base: string | undefined, subdir = "https://h/c/linux-64"): string =>
    resolveBase(base, subdir, "c/linux-64", "base_url");

  it.each([
    [undefined, "https://h/c/linux-64/"],
    ["https://mirror/x", "https://mirror/x/"],
    ["../other/", "https://h/c/other/"],
    ["/abs", "https://h/abs/"],
    ["//cdn/x", "https://cdn/x/"],
  ])("%s", (base, expected) => {
    expect(resolve(base)).toBe(expected);
  });

  it.each(["file:///etc", "javascript:x", "http://[", "https://user:secret@h/x", "https://h/x?token=1"])(
    "a remote channel cannot point to %s",
    (evil) => {
      expect(() => resolve(evil)).toThrow(expect.objectContaining({ code: "repodata-invalid" }));
    },
  );

  it("a local channel stays on this machine", () => {
    expect(resolve("../x", "file:///c/linux-64")).toBe("file:///c/x/");
  });
});
