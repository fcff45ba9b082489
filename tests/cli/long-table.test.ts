import { expect, it } from "vitest";
import { renderTable } from "../../src/cli/render/table.ts";

it("a table may have more rows than a call may have arguments", () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => [`p${i}`, "1.0"]);
  const lines = renderTable([{ title: "Name" }, { title: "Version" }], rows);
  expect(lines).toHaveLength(200_002);
  expect(lines.at(-1)).toBe("  p199999  1.0");
});
