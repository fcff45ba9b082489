import { type InfoResult, info } from "../../commands/info.ts";
import { VERSION } from "../../util/version.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation } from "../invocation.ts";
import type { Session } from "../session.ts";
import { printEnvironments } from "./env-list.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const result = await info(session.config.sources, session.context);
  if (flag(invocation, "base")) {
    if (session.json) session.printJson({ "base environment": result.rootPrefix });
    else session.print(result.rootPrefix);
    return EXIT.ok;
  }
  if (flag(invocation, "envs")) {
    printEnvironments(result.environments, session);
    return EXIT.ok;
  }
  if (session.json) session.printJson(infoDocument(result));
  else printInfo(result, flag(invocation, "all"), session);
  return EXIT.ok;
}

function virtualPackage(entry: InfoResult["virtualPackages"][number]): string {
  return `${entry.name}=${entry.version}=${entry.build}`;
}

/** micromamba's keys (with spaces) and conda's (with underscores) in one document: tools read either. */
function infoDocument(result: InfoResult): Record<string, unknown> {
  return {
    "base environment": result.rootPrefix,
    channels: result.channels,
    "env location": result.activePrefix ?? "-",
    environment: result.environment ?? "None",
    "envs directories": result.envsDirs,
    "package cache": result.pkgsDirs,
    platform: result.platform,
    "populated config files": result.configFiles,
    "user config files": result.configFiles,
    "virtual packages": result.virtualPackages.map(virtualPackage),
    "taipan version": VERSION,
    "node version": result.nodeVersion,
    active_prefix: result.activePrefix ?? null,
    active_prefix_name: result.environment ?? null,
    conda_prefix: result.rootPrefix,
    conda_version: VERSION,
    default_prefix: result.activePrefix ?? result.rootPrefix,
    envs: result.environments,
    envs_dirs: result.envsDirs,
    offline: result.offline,
    pkgs_dirs: result.pkgsDirs,
    root_prefix: result.rootPrefix,
    root_writable: result.rootWritable,
    config_files: result.configFiles,
    virtual_pkgs: result.virtualPackages.map((entry) => [entry.name, entry.version, entry.build]),
  };
}

function printInfo(result: InfoResult, all: boolean, session: Session): void {
  const rows: [string, readonly string[]][] = [
    ["taipan", [VERSION]],
    ["Node.js", [result.nodeVersion]],
    ["platform", [result.platform]],
    ["root prefix", [`${result.rootPrefix}${result.rootWritable ? "" : " (read-only)"}`]],
    ["active environment", [result.activePrefix ?? "none"]],
    ["envs directories", result.envsDirs],
    ["package caches", result.pkgsDirs],
    ["channels", result.channels],
    ["configuration files", result.configFiles.length ? result.configFiles : ["none"]],
    ["virtual packages", result.virtualPackages.map(virtualPackage)],
  ];
  if (all) rows.push(["environments", result.environments]);
  const width = Math.max(...rows.map(([title]) => title.length));
  session.print(
    rows
      .flatMap(([title, values]) =>
        values.map((value, i) => `${(i ? "" : title).padStart(width)}${i ? "  " : ": "}${value}`),
      )
      .join("\n"),
  );
}
