import { stringify } from "yaml";
import { splitCredentials } from "../credentials.ts";
import type { PackageRecord } from "../records.ts";

/** The contents of an `environment.yml` to be written: keys and order as conda and mamba print them. */
export interface EnvironmentDocument {
  name?: string;
  channels: string[];
  /** Specs, and at the end `{pip: [...]}` when there are pip packages. */
  dependencies: (string | { pip: string[] })[];
  variables?: Record<string, string>;
  prefix?: string;
}

export interface EnvironmentExport {
  name?: string | undefined;
  prefix?: string | undefined;
  /** Names or URLs, highest priority first; credentials are taken out. */
  channels: readonly string[];
  /** Installed packages in any order, or what the user asked for. */
  dependencies: { records: readonly ExportedRecord[] } | { specs: readonly string[] };
  /** `name==version` lines of what pip installed. */
  pip?: readonly string[];
  variables?: Readonly<Record<string, string>>;
}

type ExportedRecord = Pick<PackageRecord, "name" | "version" | "build" | "subdir" | "md5"> & {
  channel?: string;
};

export interface EnvironmentExportOptions {
  /** `name=version=build` instead of `name=version`. */
  build?: boolean;
  /** Appends `[md5=...]`. */
  md5?: boolean;
  /** Prefixes `channel/subdir::`. */
  channelSubdir?: boolean;
}

/** The document, for YAML and JSON alike; packages are sorted by name. */
export function environmentDocument(
  environment: EnvironmentExport,
  options: EnvironmentExportOptions = {},
): EnvironmentDocument {
  const { name, prefix, variables, pip } = environment;
  const specs =
    "specs" in environment.dependencies
      ? [...environment.dependencies.specs]
      : [...environment.dependencies.records]
          .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
          .map((record) => exportedSpec(record, options));
  return {
    ...(name === undefined ? {} : { name }),
    channels: environment.channels.map((channel) => splitCredentials(channel).url),
    dependencies: [...specs, ...(pip && pip.length > 0 ? [{ pip: [...pip] }] : [])],
    ...(variables && Object.keys(variables).length > 0 ? { variables: { ...variables } } : {}),
    ...(prefix === undefined ? {} : { prefix }),
  };
}

/** `name=version=build`, the form that every conda tool reads back to the same package. */
export function exportedSpec(
  record: ExportedRecord,
  options: EnvironmentExportOptions = { build: true },
): string {
  const where =
    options.channelSubdir && record.channel
      ? `${splitCredentials(record.channel).url}/${record.subdir}::`
      : "";
  const build = options.build ? `=${record.build}` : "";
  const md5 = options.md5 && record.md5 ? `[md5=${record.md5}]` : "";
  return `${where}${record.name}=${record.version}${build}${md5}`;
}

/** CEP 24 text. Values that YAML would read as numbers, booleans or null are quoted. */
export function writeEnvironmentYaml(
  environment: EnvironmentExport,
  options: EnvironmentExportOptions = {},
): string {
  // YAML 1.1 quoting rules: conda's older readers take `yes`, `1:30` and `1_000` for something else than text.
  return stringify(environmentDocument(environment, options), {
    version: "1.1",
    lineWidth: 0,
    indentSeq: true,
  });
}
