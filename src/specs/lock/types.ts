import type { UrlAuth } from "../credentials.ts";
import type { RepoDataRecord } from "../records.ts";

export type LockFormat = "conda-lock" | "pixi" | "mambajs";

/** One conda archive of a lock file. */
export interface LockedCondaPackage {
  /** URL or path exactly as written; may hold credentials, so never shown. */
  location: string;
  /** Everything the lock file says, names checked (CEP 26), URL without credentials. */
  record: RepoDataRecord;
  /** Credentials that were in the location. */
  auth?: UrlAuth;
  /** conda-lock categories; `main` in other formats. */
  category: string;
}

/** One PyPI package of a lock file. */
export interface LockedPypiPackage {
  name: string;
  version?: string;
  /** URL, path or directory as written. */
  location: string;
  md5?: string;
  sha256?: string;
  requiresDist: string[];
  requiresPython?: string;
  /** URL of the index it came from. */
  index?: string;
  editable?: boolean;
  category: string;
}

/** What is locked for one platform of one environment. */
export interface LockedPlatform {
  /** Name in the lock file: the subdir, or an author's name for a variant of it (pixi v7). */
  name: string;
  subdir: string;
  conda: LockedCondaPackage[];
  /** Packages that would have to be built from source (pixi), as written. */
  condaSources: string[];
  pypi: LockedPypiPackage[];
  /** Virtual packages the solve assumed, as written (pixi v7). */
  virtualPackages: string[];
}

export interface LockedEnvironment {
  /** Channel names or URLs, highest priority first. */
  channels: string[];
  /** PyPI indexes. */
  indexes: string[];
  /** Solve options as written (pixi). */
  options?: Record<string, unknown>;
  platforms: ReadonlyMap<string, LockedPlatform>;
}

export interface LockFile {
  format: LockFormat;
  /** Version of the format. */
  version: string;
  fileName: string;
  /** By name; conda-lock and mambajs have one, `default`. */
  environments: ReadonlyMap<string, LockedEnvironment>;
}

export interface LockFileOptions {
  /** As printed in messages. */
  fileName: string;
  /** URL of the directory of the lock file (`file:///...`): relative package paths count from it. */
  directoryUrl?: string | undefined;
}

export const DEFAULT_ENVIRONMENT = "default";
export const MAIN_CATEGORY = "main";
