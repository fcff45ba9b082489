import { ToolError } from "../errors.ts";
import type { PackageRecord } from "../specs/records.ts";
import { prefixPathProblem } from "./prefix-path.ts";
import type { PythonInfo } from "./transaction.ts";

export const isWindowsPlatform = (platform: string): boolean => platform.startsWith("win-");

/**
 * `3.11` out of `3.11.7`, `311`, `lib/python3.11/...`, `bin/python311`: major and minor of a python version wherever it stands.
 * Without a dot the first digit is the major version.
 */
export function pythonMinor(text: string): string {
  const dotted = /(\d+)\.(\d+)/.exec(text);
  if (dotted) return `${dotted[1]}.${dotted[2]}`;
  const digits = /(\d)(\d*)/.exec(text);
  if (!digits) throw new ToolError("parse-error", `no python version in \`${text}\``);
  return digits[2] ? `${digits[1]}.${digits[2]}` : digits[1]!;
}

/** Directory of pure modules relative to the prefix; `override` is the record's python_site_packages_path (CEP 17). */
export function sitePackagesPath(version: string, platform: string, override?: string): string {
  if (override) {
    const path = override.replace(/\\/g, "/").replace(/\/+$/, "");
    const problem = prefixPathProblem(path);
    if (problem) {
      throw new ToolError(
        "archive-unsafe-path",
        `python_site_packages_path \`${override}\` of python ${version} is refused: ${problem}`,
        {
          hint: "nothing was installed; report the package to its channel",
        },
      );
    }
    return path;
  }
  return isWindowsPlatform(platform)
    ? "Lib/site-packages"
    : `lib/python${pythonMinor(version)}/site-packages`;
}

/** Whether a build of python is one without the global interpreter lock. */
export const isFreeThreaded = (build = ""): boolean => /_cp3\d+t$/.test(build);

/**
 * Records of free-threaded builds name the directory of the ordinary build, none, or that of Unix on Windows. What is installed
 * there is not on sys.path: such a python looks into `lib/python3.14t/site-packages`, on Windows into `Lib/site-packages`.
 */
function onSysPath(path: string, minor: string, build: { platform: string; freeThreaded: boolean }): string {
  if (!build.freeThreaded) return path;
  if (isWindowsPlatform(build.platform))
    return /^lib\/python[\d.]+t?\/site-packages$/.test(path) ? "Lib/site-packages" : path;
  return path === `lib/python${minor}/site-packages` ? `lib/python${minor}t/site-packages` : path;
}

/** What noarch packages need to know of the python that a prefix has, from its record. */
export function pythonInfo(
  record: Pick<PackageRecord, "version" | "python_site_packages_path"> & { build?: string | undefined },
  platform: string,
): PythonInfo {
  const minor = pythonMinor(record.version);
  const said = sitePackagesPath(record.version, platform, record.python_site_packages_path);
  const sitePackages = onSysPath(said, minor, { platform, freeThreaded: isFreeThreaded(record.build) });
  // A free-threaded build has python3.13t in both places (CEP 17).
  const name = /^lib\/(python\d+\.\d+t)\//.exec(sitePackages)?.[1] ?? `python${minor}`;
  return {
    version: record.version,
    minor,
    sitePackages,
    executable: isWindowsPlatform(platform) ? "python.exe" : `bin/${name}`,
  };
}

/** Where a file of a `noarch: python` package goes (CEP 20, 34): site-packages/ and python-scripts/ are mapped, all else stays. */
export function noarchTarget(path: string, python: PythonInfo, platform: string): string {
  if (path.startsWith("site-packages/")) return `${python.sitePackages}${path.slice("site-packages".length)}`;
  if (path.startsWith("python-scripts/"))
    return `${isWindowsPlatform(platform) ? "Scripts" : "bin"}${path.slice("python-scripts".length)}`;
  return path;
}

/** Where python keeps the byte code of a source file: PEP 3147, or beside the source for python 2. */
export function pycPath(source: string, minor: string): string {
  if (minor.startsWith("2.")) return `${source}c`;
  const slash = source.lastIndexOf("/");
  const stem = source.slice(slash + 1).replace(/\.py$/, "");
  return `${source.slice(0, slash + 1)}__pycache__/${stem}.cpython-${minor.replace(".", "")}.pyc`;
}
