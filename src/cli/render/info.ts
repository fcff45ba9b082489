import type { InfoResult } from "../../commands/info.ts";
import { PEER_VERSIONS, VERSION } from "../../util/version.ts";

type Row = readonly [title: string, value: string | readonly string[]];

/** conda's titles end in this column. */
const CONDA_WIDTH = 23;

/** Lines of `info`, with micromamba's titles: scripts look for lines such as `environment : test`. */
export function ownInfo(result: InfoResult, versions: Record<string, string>, all: boolean): string[] {
  const rows: Row[] = [
    ...Object.entries(versions),
    ["envs directories", result.envsDirs],
    ["package cache", result.pkgsDirs],
    ["environment", targetName(result)],
    ["env location", result.target.prefix],
    ["user config files", result.userConfigFiles],
    ["populated config files", result.configFiles],
    ["virtual packages", result.virtualPackages.map(virtualPackage)],
    ["channels", result.channels],
    ["base environment", `${result.rootPrefix}${result.rootWritable ? "" : "  (read only)"}`],
    ["platform", result.platform],
  ];
  if (all) rows.push(["environments", result.environments]);
  return titledLines(rows, Math.max(...rows.map(([title]) => title.length)) + 1);
}

/** The same in conda's titles and order (conda/cli/main_info.py), without what only a conda written in Python has. */
export function condaInfo(result: InfoResult): string[] {
  const { activePrefix, userIds } = result;
  const rows: Row[] = [
    ["active environment", result.activeName ?? "None"],
    ...(activePrefix ? ([["active env location", activePrefix]] as const) : []),
    ...(result.shellLevel >= 0 ? ([["shell level", String(result.shellLevel)]] as const) : []),
    ["user config file", result.userConfigFiles[0] ?? ""],
    ["populated config files", result.configFiles],
    ["conda version", PEER_VERSIONS.conda],
    ["conda-build version", "not installed"],
    ["python version", `none (Node.js ${result.nodeVersion})`],
    ["solver", "taipan (default)"],
    ["virtual packages", result.virtualPackages.map(virtualPackage)],
    ["base environment", `${result.rootPrefix}  (${result.rootWritable ? "writable" : "read only"})`],
    ["channel URLs", result.channels],
    ["package cache", result.pkgsDirs],
    ["envs directories", result.envsDirs],
    ["platform", result.platform],
    ["user-agent", userAgent(result)],
    ...(userIds ? ([["UID:GID", userIds.join(":")]] as const) : []),
    ["offline mode", result.offline ? "True" : "False"],
  ];
  return ["", ...titledLines(rows, CONDA_WIDTH), ""];
}

export function virtualPackage(entry: InfoResult["virtualPackages"][number]): string {
  return `${entry.name}=${entry.version}=${entry.build}`;
}

/** `sci`, `sci (active)`, `sci (not found)`. */
export function targetName({ target }: InfoResult): string {
  return target.state ? `${target.name} (${target.state})` : target.name;
}

export function userAgent({ nodeVersion }: InfoResult): string {
  return `taipan/${VERSION} Node.js/${nodeVersion}`;
}

/** Titles end in column `width`; further values stand below the first. */
function titledLines(rows: readonly Row[], width: number): string[] {
  return rows.flatMap(([title, value]) => {
    const values = typeof value === "string" ? [value] : value;
    return (values.length ? values : [""]).map((text, i) =>
      `${(i ? "" : title).padStart(width)}${i ? "   " : " : "}${text}`.trimEnd(),
    );
  });
}
