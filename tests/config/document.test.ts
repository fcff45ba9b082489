import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { configurationPage } from "../../src/config/document.ts";
import { repoRoot } from "../support/shared.ts";

it("docs/configuration.md is what the table of keys says (node scripts/write-configuration-docs.mjs)", () => {
  expect(readFileSync(join(repoRoot, "docs/configuration.md"), "utf8")).toBe(configurationPage());
});
