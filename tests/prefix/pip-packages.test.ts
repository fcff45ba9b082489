import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pipPackages } from "../../src/prefix/pip-packages.ts";
import type { PrefixRecord } from "../../src/specs/records.ts";
import { makePackage, type Sandbox, sandbox } from "../support/extracted.ts";

const SITE = "lib/python3.11/site-packages";

/** Records whose lists say who asked for them. */
function installed(
  box: Sandbox,
  packages: Record<string, string[]>,
): { records: PrefixRecord[]; read: string[] } {
  const read: string[] = [];
  const records = Object.entries(packages).map(([name, files]) => {
    const record = {
      ...makePackage(box.pkgs, { name, version: name === "python" ? "3.11.7" : "1.0", files: {} }),
      paths_data: { paths_version: 1 as const, paths: [] },
      link: { source: "", type: 1 as const },
      files: [] as string[],
    };
    Object.defineProperty(record, "files", {
      get: () => {
        read.push(name);
        return files;
      },
    });
    return record;
  });
  return { records, read };
}

function distribution(box: Sandbox, entry: string, name: string): void {
  mkdirSync(join(box.prefix, SITE, entry), { recursive: true });
  const file = entry.endsWith(".egg-info") ? "PKG-INFO" : "METADATA";
  writeFileSync(join(box.prefix, SITE, entry, file), `Name: ${name}\nVersion: 2.0\n\ntext`);
}

test("distributions of packages are left out, whatever the packages are called; what is left is pip's", async () => {
  const box = sandbox();
  distribution(box, "numpy-2.0.dist-info", "numpy");
  distribution(box, "Opencv_Python-2.0.dist-info", "opencv-python");
  distribution(box, "ruamel.yaml-2.0-py3.11.egg-info", "ruamel.yaml");
  distribution(box, "Mine_Too-2.0.dist-info", "Mine_Too");
  mkdirSync(join(box.prefix, SITE, "numpy"));
  const { records } = installed(box, {
    python: [`${SITE}/README.txt`],
    numpy: [`${SITE}/numpy/a.py`, `${SITE}/numpy-2.0.dist-info/METADATA`],
    "py-opencv": [`${SITE}/opencv_python-2.0.dist-info/METADATA`],
    "ruamel.yaml": [`${SITE}/ruamel.yaml-2.0-py3.11.egg-info/PKG-INFO`],
  });
  expect(await pipPackages(box.prefix, records, "linux-64")).toEqual([{ name: "mine-too", version: "2.0" }]);
});

test("lists of files are not read once every distribution has its owner", async () => {
  const box = sandbox();
  distribution(box, "numpy-2.0.dist-info", "numpy");
  const { records, read } = installed(box, {
    python: [`${SITE}/README.txt`],
    ncurses: ["share/terminfo/x"],
    numpy: [`${SITE}/numpy-2.0.dist-info/METADATA`],
  });
  expect(await pipPackages(box.prefix, records, "linux-64")).toEqual([]);
  expect(read).toEqual(["numpy"]);
});
