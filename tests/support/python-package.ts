import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow } from "../../fixtures/files-below.ts";
import { type BuiltPackage, buildPackage, type PackageFile } from "../../fixtures/index.ts";

interface SystemPython {
  version: string;
  minor: string;
  executable: string;
  stdlib: string;
  /** Directories that import pip, or none. */
  pip: string | undefined;
}

/** The machine's python3, or undefined (after saying so): tests that install a real python then skip. */
export function systemPython(): SystemPython | undefined {
  const code = `import sys, sysconfig, json, os, importlib.util
pip = importlib.util.find_spec("pip")
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "minor": "%d.%d" % sys.version_info[:2],
  "executable": os.path.realpath(sys.executable), "stdlib": sysconfig.get_path("stdlib"),
  "pip": os.path.dirname(pip.origin) if pip else None}))`;
  try {
    return JSON.parse(execFileSync("python3", ["-c", code], { encoding: "utf8" })) as SystemPython;
  } catch {
    process.stderr.write("skipped: no python3 on this machine\n");
    return undefined;
  }
}

/**
 * A `python` package around the machine's own interpreter: a copy of the executable and a pyvenv.cfg, which make it look
 * for site-packages in the prefix and for the standard library where it is.
 */
export function pythonPackage(python: SystemPython, subdir: string): Promise<BuiltPackage> {
  const home = python.executable.slice(0, python.executable.lastIndexOf("/"));
  return buildPackage({
    name: "python",
    version: python.version,
    build: "real_0_cpython",
    subdir,
    files: [
      { path: `bin/python${python.minor}`, content: readFileSync(python.executable), mode: 0o755 },
      { path: "bin/python3", symlink: `python${python.minor}` },
      { path: "bin/python", symlink: `python${python.minor}` },
      {
        path: "pyvenv.cfg",
        content: `home = ${home}\ninclude-system-site-packages = false\nversion = ${python.version}\n`,
      },
      { path: `lib/python${python.minor}/site-packages/README.txt`, content: "site-packages\n" },
    ],
  });
}

/** The machine's pip as a noarch python package with its entry point. */
export function pipPackage(python: SystemPython & { pip: string }): Promise<BuiltPackage> {
  const files: PackageFile[] = [...filesBelow(python.pip)]
    .filter((path) => !path.includes("__pycache__"))
    .map((path) => ({
      path: join("site-packages", "pip", path.slice(python.pip.length + 1)),
      content: readFileSync(path),
    }));
  return buildPackage({
    name: "pip",
    version: "23.0",
    noarch: "python",
    depends: ["python >=3"],
    entryPoints: ["pip = pip._internal.cli.main:main"],
    files,
  });
}
