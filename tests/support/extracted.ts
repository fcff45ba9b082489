import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { Event } from "../../src/events.ts";
import { planTransaction, type SolvedEnvironment } from "../../src/plan/diff.ts";
import type { LinkOptions } from "../../src/prefix/options.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { applyTransaction, type TransactionResult } from "../../src/prefix/transaction.ts";
import {
  distString,
  type PackageCacheRecord,
  type PathsEntry,
  type PrefixRecord,
} from "../../src/specs/records.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";

/** Prefix that packages of these tests were "built" in. */
export const PLACEHOLDER = `/opt/build_${"placehold_".repeat(20)}`;

export interface FileSpec {
  content?: string | Uint8Array;
  link?: string;
  directory?: true;
  mode?: number;
  prefix?: "text" | "binary";
  noLink?: boolean;
}

export interface PackageSpec {
  name: string;
  version?: string;
  build?: string;
  noarch?: "python" | "generic";
  depends?: string[];
  entryPoints?: string[];
  files: Record<string, string | FileSpec>;
  record?: Partial<PackageCacheRecord>;
}

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** Writes a package the way the cache has it after extraction, and returns its record. */
export function makePackage(pkgs: string, spec: PackageSpec): PackageCacheRecord {
  const { name, version = "1.0", build = "0" } = spec;
  const dist = `${name}-${version}-${build}`;
  const directory = join(pkgs, dist);
  const paths: PathsEntry[] = [];
  for (const [path, given] of Object.entries(spec.files)) {
    const file: FileSpec = typeof given === "string" ? { content: given } : given;
    const full = join(directory, path);
    if (file.directory) {
      mkdirSync(full, { recursive: true });
      paths.push({ _path: path, path_type: "directory" });
      continue;
    }
    mkdirSync(dirname(full), { recursive: true });
    const content = file.content ?? "";
    if (file.link !== undefined) symlinkSync(file.link, full);
    else {
      writeFileSync(full, content);
      chmodSync(full, file.mode ?? 0o644);
    }
    const entry: PathsEntry = {
      _path: path,
      path_type: file.link === undefined ? "hardlink" : "softlink",
      sha256: sha256(content),
      size_in_bytes: content.length,
    };
    if (file.prefix) Object.assign(entry, { prefix_placeholder: PLACEHOLDER, file_mode: file.prefix });
    if (file.noLink) entry.no_link = true;
    paths.push(entry);
  }
  const index = {
    name,
    version,
    build,
    build_number: 0,
    depends: spec.depends ?? [],
    subdir: spec.noarch ? "noarch" : "linux-64",
    noarch: spec.noarch,
  };
  mkdirSync(join(directory, "info"), { recursive: true });
  writeFileSync(join(directory, "info/index.json"), JSON.stringify(index));
  writeFileSync(join(directory, "info/paths.json"), JSON.stringify({ paths_version: 1, paths }));
  if (spec.entryPoints)
    writeFileSync(
      join(directory, "info/link.json"),
      JSON.stringify({
        package_metadata_version: 1,
        noarch: { type: "python", entry_points: spec.entryPoints },
      }),
    );
  const fn = `${dist}.conda`;
  return {
    ...index,
    fn,
    url: `https://host.invalid/chan/${index.subdir}/${fn}`,
    channel: "https://host.invalid/chan",
    md5: sha256(dist).slice(0, 32),
    sha256: sha256(dist),
    size: 1000,
    license: "MIT",
    timestamp: 1_600_000_000_000,
    package_tarball_full_path: join(pkgs, fn),
    extracted_package_dir: directory,
    ...spec.record,
  };
}

/** A real python of this machine, or undefined: tests that compile skip. */
export function systemPython(): { executable: string; version: string } | undefined {
  try {
    const text = execFileSync(
      "python3",
      ["-c", "import sys; print(sys.executable); print('.'.join(map(str, sys.version_info[:3])))"],
      { encoding: "utf8" },
    );
    const [executable, version] = text.trim().split("\n");
    return executable && version ? { executable: realpathSync(executable), version } : undefined;
  } catch {
    process.stderr.write("skipped: no python3 on this machine\n");
    return undefined;
  }
}

/** A `python` package that starts the system's interpreter. */
export function pythonPackage(
  pkgs: string,
  python: { executable: string; version: string },
  spec: Partial<PackageSpec> = {},
): PackageCacheRecord {
  const minor = python.version.split(".").slice(0, 2).join(".");
  const script = `#!/bin/sh\nPYTHONPATH="$(dirname "$0")/../lib/python${minor}/site-packages" exec ${python.executable} "$@"\n`;
  return makePackage(pkgs, {
    name: "python",
    version: python.version,
    files: {
      [`bin/python${minor}`]: { content: script, mode: 0o755 },
      "bin/python": { link: `python${minor}` },
      [`lib/python${minor}/site-packages/README.txt`]: "site\n",
    },
    ...spec,
  });
}

export const defaultOptions: LinkOptions = {
  platform: "linux-64",
  compilePyc: true,
  alwaysCopy: false,
  alwaysSoftlink: false,
  allowSoftlinks: false,
  linkScripts: "run",
  pathConflict: "clobber",
  shortcuts: false,
  lockTimeout: 20,
  rootPrefix: "/nonexistent/root",
  env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
};

export interface Sandbox {
  root: string;
  pkgs: string;
  prefix: string;
  events: Event[];
  /** Takes the prefix to exactly these packages. */
  set(
    packages: PackageCacheRecord[],
    options?: Partial<LinkOptions> & {
      requested?: Record<string, string[]>;
      reinstall?: string[];
      signal?: AbortSignal;
    },
  ): Promise<TransactionResult>;
}

/** Where environments of tests go: journals are flushed to the device, which on a slow disk takes longer than all else. */
export const scratchRoot = (): string => realpathSync(existsSync("/dev/shm") ? "/dev/shm" : tmpdir());

/** A directory of its own for one test, removed afterwards. */
export function sandbox(name = "env"): Sandbox {
  const root = mkdtempSync(join(scratchRoot(), "taipan-prefix-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const events: Event[] = [];
  const pool = createPool({ size: 1, mode: "inline", handlers });
  const prefix = join(root, "envs", name);
  return {
    root,
    pkgs: join(root, "pkgs"),
    prefix,
    events,
    set: async (packages, options = {}) => {
      const { requested = {}, reinstall = [], signal, ...rest } = options;
      const state = await readPrefix(prefix);
      const solution: SolvedEnvironment = {
        records: packages,
        requested: new Map(Object.entries(requested)),
        reinstall: new Set(reinstall),
      };
      return applyTransaction(
        {
          prefix,
          transaction: planTransaction(state?.records ?? [], solution, { platform: "linux-64" }),
          packages: new Map(packages.map((record) => [record.name, record])),
          options: { ...defaultOptions, ...rest },
          command: ["taipan", "install", ...packages.map(distString)],
          state,
        },
        { pool, events: (event) => events.push(event), signal },
      );
    },
  };
}

/** Everything below a directory: kind, permission bits, content or link target. Two equal snapshots are equal byte for byte. */
export function snapshot(
  directory: string,
  ignore: (path: string) => boolean = () => false,
): Record<string, string> {
  const result: Record<string, string> = {};
  const visit = (path: string): void => {
    const full = path === "" ? directory : join(directory, path);
    for (const name of readdirSync(full).sort()) {
      const relative = path === "" ? name : `${path}/${name}`;
      if (ignore(relative)) continue;
      const stat = lstatSync(join(directory, relative));
      const mode = (stat.mode & 0o7777).toString(8);
      if (stat.isSymbolicLink()) result[relative] = `link ${readlinkSync(join(directory, relative))}`;
      else if (stat.isDirectory()) {
        result[relative] = `directory ${mode}`;
        visit(relative);
      } else result[relative] = `file ${mode} ${sha256(readFileSync(join(directory, relative)))}`;
    }
  };
  if (existsSync(directory)) visit("");
  return result;
}

/** Without the history, whose dates differ between runs. */
export const withoutHistory = (path: string): boolean => path === "conda-meta/history";

/** The text of a file of the environment. */
export const prefixText = ({ prefix }: Sandbox, path: string): string =>
  readFileSync(join(prefix, path), "utf8");

/** What conda-meta has of a package, such as `lib-1.0-0`. */
export const recordIn = (box: Sandbox, dist: string): PrefixRecord =>
  JSON.parse(prefixText(box, `conda-meta/${dist}.json`)) as PrefixRecord;

/** What lies in the directory of environments: the environment, and whatever was left beside it. */
export const envSiblings = ({ root }: Sandbox): string[] => readdirSync(join(root, "envs"));
