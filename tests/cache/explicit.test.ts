import { expect, it } from "vitest";
import { recordFromUrl } from "../../src/cache/explicit.ts";

// The last is encoded twice (CVE-2026-13346).
it.each([
  "%zz-1-0.conda",
  "%2e%2e-1-0.conda",
  "a%2F..-1-0.conda",
  "a%ff-1-0.conda",
  "%252e%252e%252fa-1-0.conda",
])("%s is not allowed as a name", (name) => {
  expect(() => recordFromUrl(`https://h/c/noarch/${name}`)).toThrow(
    expect.objectContaining({ code: "unsafe-name" }),
  );
});
