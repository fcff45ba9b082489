import type { LinkMethod } from "../fs/link.ts";
import type { PythonInfo } from "../plan/transaction.ts";
import type { PackageCacheRecord } from "../specs/records.ts";

/** Inputs and outputs of linking tasks. Long lists of paths travel as one string: cloning 40,000 strings costs 50 ms, joining 3. */

export interface PlanPackageInput {
  /** Absolute path of the extracted package. */
  directory: string;
  /** Dist string. */
  owner: string;
  platform: string;
  prefix: string;
  python?: PythonInfo | undefined;
  compilePyc: boolean;
}

export interface PlannedPackage {
  /** Every file, link, entry point and byte code file, relative to the prefix, joined with newlines; byte code last. */
  paths: string;
  /** Targets that are symlinks, joined with newlines: they may stand where another package has a directory. */
  softlinks: string;
  /** Length of the longest path, and of the longest name in one, in UTF-16 units. */
  longest: number;
  longestName: number;
  pycCount: number;
  fileCount: number;
  bytes: number;
  patchedBytes: number;
  scripts: { preLink?: string; postLink?: string; preUnlink?: string };
  menus: string[];
}

export interface LinkPackageInput {
  record: PackageCacheRecord;
  requestedSpecs: readonly string[];
  /** Where to link to: the prefix-to-be, or the staging directory inside an existing prefix. */
  root: string;
  /** Path to write into files: that of the prefix, unless it is made for another place. */
  prefix: string;
  platform: string;
  python?: PythonInfo | undefined;
  compilePyc: boolean;
  /** In the order to try; copying is what remains. */
  methods: readonly LinkMethod[];
  /** Compare each file with paths.json before linking it. */
  checkHashes: boolean;
  /** Targets not to link, because another package's file wins. */
  skip: readonly string[];
  /** Directories that are symlinks in the prefix, and what they are: `[lib64, lib]`. */
  aliases: readonly (readonly [from: string, to: string])[];
  /** Byte code of this package for this python, in the package cache. */
  pycCache?: string | undefined;
  /** Link these targets and nothing else, and write no record: files that another package had replaced. */
  only?: readonly string[] | undefined;
}

export interface LinkedPackage {
  files: number;
  /** Byte code still to be compiled: `source\0target\0kind` relative to the root, joined with newlines; kind `patched` is not to be kept. */
  compile: string;
  /** Binaries whose bytes were changed, relative to the root, joined with newlines: macOS wants them signed again. */
  patchedBinaries: string;
  /** Files of this package that came from the byte code cache. */
  cachedPyc: number;
  /** Packaged paths whose `offsets` in paths.json do not agree with the files, joined with newlines. */
  searched: string;
}

export interface StorePycInput {
  /** Entry of the cache to make, see pyc-cache.ts. */
  pycCache: string;
  directory: string;
  root: string;
  /** `source\0target` of what was compiled well and may be kept, joined with newlines. */
  compiled: string;
  /** Sources that Python refused. */
  failed: readonly string[];
}
