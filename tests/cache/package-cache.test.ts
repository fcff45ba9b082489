import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readEntry } from "../../src/cache/package-cache.ts";

it("an entry whose record other tools left empty is what its package says", async () => {
  const dir = mkdtempSync(join(tmpdir(), "taipan-entry-"));
  try {
    mkdirSync(join(dir, "info"));
    const put = (name: string, value: unknown) =>
      writeFileSync(join(dir, "info", name), JSON.stringify(value));
    const named = { name: "app", version: "1", build: "2", subdir: "noarch" };
    put("index.json", { ...named, build_number: 2, license: "MIT", timestamp: 5, depends: ["lib >=1"] });
    const url = "https://h/c/noarch/app-1-2.conda";
    const left = {
      ...named,
      build_number: 0,
      depends: [],
      constrains: [],
      url,
      md5: "m",
      sha256: "",
      size: 0,
    };
    put("repodata_record.json", { ...left, license: "", timestamp: 0 });
    expect(await readEntry(dir)).toEqual({
      ...named,
      ...{ build_number: 2, license: "MIT", timestamp: 5, depends: ["lib >=1"] },
      ...{ url, md5: "m", fn: "", channel: "" },
    });
    // A channel may have taken the dependencies away: then the rest of the record is there.
    put("repodata_record.json", { ...left, license: "MIT", timestamp: 5 });
    expect(await readEntry(dir)).toMatchObject({ depends: [], build_number: 0 });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
