import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildPackage } from "../../fixtures/index.ts";
import { parseIndexJson, readInfo } from "../../src/archive/info.ts";
import { parseHasPrefix, parsePathsJson } from "../../src/archive/info-paths.ts";
import { DEMO, extract } from "../support/archives.ts";

describe("info/ is checked", () => {
  const bad: [string, unknown, string][] = [
    [
      "path that climbs",
      { paths_version: 1, paths: [{ _path: "../x", path_type: "hardlink" }] },
      "archive-unsafe-path",
    ],
    [
      "absolute path",
      { paths_version: 1, paths: [{ _path: "/etc/passwd", path_type: "hardlink" }] },
      "archive-unsafe-path",
    ],
    [
      "the prefix itself",
      { paths_version: 1, paths: [{ _path: "./", path_type: "directory" }] },
      "archive-unsafe-path",
    ],
    ["unknown type", { paths_version: 1, paths: [{ _path: "x", path_type: "device" }] }, "archive-invalid"],
    [
      "a path twice",
      {
        paths_version: 1,
        paths: [
          { _path: "x", path_type: "hardlink" },
          { _path: "./x", path_type: "hardlink" },
        ],
      },
      "archive-invalid",
    ],
    [
      "negative size",
      { paths_version: 1, paths: [{ _path: "x", path_type: "hardlink", size_in_bytes: -1 }] },
      "archive-invalid",
    ],
    [
      "malformed hash",
      { paths_version: 1, paths: [{ _path: "x", path_type: "hardlink", sha256: "zz" }] },
      "archive-invalid",
    ],
    [
      "unknown file mode",
      {
        paths_version: 1,
        paths: [{ _path: "x", path_type: "hardlink", prefix_placeholder: "/p", file_mode: "evil" }],
      },
      "archive-invalid",
    ],
    ["other version", { paths_version: 2, paths: [] }, "archive-invalid"],
    ["no list", { paths_version: 1, paths: {} }, "archive-invalid"],
    ["no object", [], "archive-invalid"],
  ];
  test.each(bad)("paths.json with %s", (_, value, code) => {
    expect(() => parsePathsJson(JSON.stringify(value))).toThrowError(expect.objectContaining({ code }));
  });

  const indexes: [string, object, string][] = [
    ["a name that climbs", { name: "../x", version: "1", build: "0" }, "unsafe-name"],
    ["a build that climbs", { name: "x", version: "1", build: "../../y" }, "unsafe-name"],
    ["no version", { name: "x", build: "0" }, "archive-invalid"],
    [
      "dependencies that are no texts",
      { name: "x", version: "1", build: "0", depends: [1] },
      "archive-invalid",
    ],
    ["a bad build number", { name: "x", version: "1", build: "0", build_number: -1 }, "archive-invalid"],
    [
      "site-packages outside",
      { name: "x", version: "1", build: "0", python_site_packages_path: "../lib" },
      "archive-unsafe-path",
    ],
  ];
  test.each(indexes)("index.json with %s", (_, value, code) => {
    expect(() => parseIndexJson(JSON.stringify(value))).toThrowError(expect.objectContaining({ code }));
  });

  test("an entry point that is code (CVE-2026-47425)", async () => {
    const { bytes } = await buildPackage({ ...DEMO, entryPoints: ["../../evil = a:b"] });
    await expect(extract(bytes, "conda").then(readInfo)).rejects.toMatchObject({ code: "unsafe-name" });
  });

  test("a metadata file that is a link or a directory is not read", async () => {
    const { symlinkSync, mkdirSync } = await import("node:fs");
    const directory = await extract((await buildPackage({ name: "x", version: "1" })).bytes, "conda");
    rmSync(join(directory, "info/index.json"));
    symlinkSync("/etc/passwd", join(directory, "info/index.json"));
    await expect(readInfo(directory)).rejects.toMatchObject({ code: "archive-invalid" });
    rmSync(join(directory, "info/index.json"));
    mkdirSync(join(directory, "info/index.json"));
    await expect(readInfo(directory)).rejects.toMatchObject({ code: "archive-invalid" });
  });

  test("has_prefix lines in all their forms", () => {
    const found = parseHasPrefix('bin/a\n/opt/p text bin/b\n"/opt/my p" binary "bin/c d"\nbin/e f\n');
    expect(Object.fromEntries(found)).toEqual({
      "bin/a": { prefix_placeholder: "/opt/anaconda1anaconda2anaconda3", file_mode: "text" },
      "bin/b": { prefix_placeholder: "/opt/p", file_mode: "text" },
      "bin/c d": { prefix_placeholder: "/opt/my p", file_mode: "binary" },
      "bin/e f": { prefix_placeholder: "/opt/anaconda1anaconda2anaconda3", file_mode: "text" },
    });
  });

  test("old records get their only possible values", () => {
    const index = {
      name: "x",
      version: 1.5,
      build: "0",
      platform: "linux",
      arch: "x86_64",
      noarch: false,
      track_features: ["a", "b"],
    };
    expect(parseIndexJson(JSON.stringify(index))).toEqual({
      name: "x",
      version: "1.5",
      build: "0",
      build_number: 0,
      subdir: "linux-64",
      depends: [],
      platform: "linux",
      arch: "x86_64",
      track_features: "a b",
    });
  });
});
