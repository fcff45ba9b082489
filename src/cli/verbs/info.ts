import { join } from "node:path";
import { type InfoResult, info } from "../../commands/info.ts";
import { ToolError } from "../../errors.ts";
import { PEER_VERSIONS, VERSION } from "../../util/version.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import { condaInfo, ownInfo, targetName, userAgent, virtualPackage } from "../render/info.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";
import { printable } from "../terminal.ts";
import { environmentDetails, printEnvironments } from "./env-list.ts";
import { licenses } from "./licenses.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const target = { name: text(invocation, "name"), prefix: text(invocation, "prefix") };
  const all = flag(invocation, "all");
  if (flag(invocation, "size") && !flag(invocation, "envs") && !all)
    throw new ToolError("usage", "--size can only be used with --envs");
  const result = await info({ target, configFiles: session.config.sources }, session.context);
  if (flag(invocation, "base")) {
    if (session.json)
      session.printJson({ "base environment": result.rootPrefix, root_prefix: result.rootPrefix });
    else session.print(result.rootPrefix);
    return EXIT.ok;
  }
  const withSizes = flag(invocation, "size");
  if (flag(invocation, "envs") && !session.json) {
    await printEnvironments(result.environments, withSizes, session);
    return EXIT.ok;
  }
  if (flag(invocation, "licenses")) {
    const found = licenses();
    if (session.json) session.printJson({ licenses: found });
    else
      session.print(
        renderTable([{ title: "Package" }, { title: "Licence" }], Object.entries(found), {
          available: session.out.columns(),
          dispensable: [],
        }).join("\n"),
      );
    return EXIT.ok;
  }
  const versions = versionsFor(invocation.name, result);
  if (session.json) {
    session.printJson({
      ...infoDocument(result, session),
      envs_details: await environmentDetails(result.environments, withSizes, session.context),
      ...versions,
    });
    return EXIT.ok;
  }
  const system = flag(invocation, "system");
  const conda = invocation.name === "conda";
  if (!system || all) session.print((conda ? condaInfo(result) : ownInfo(result, versions, all)).join("\n"));
  // conda's --all is the three parts one after the other.
  if (all && conda) await printEnvironments(result.environments, withSizes, session);
  else if (all) session.print("");
  if (system || all) printSystem(result, conda, session);
  return EXIT.ok;
}

/** Variables; by conda's name after the facts that conda knows of its python. */
function printSystem(result: InfoResult, conda: boolean, session: Session): void {
  const facts = conda ? systemFacts(result, session) : {};
  const lines = Object.entries({ ...facts, ...result.variables });
  session.print(lines.map(([name, value]) => `${name}: ${printable(value)}`).join("\n"));
}

function systemFacts({ nodeVersion, rootPrefix }: InfoResult, { context }: Session): Record<string, string> {
  return {
    "sys.version": `none (Node.js ${nodeVersion})`,
    "sys.prefix": rootPrefix,
    "sys.executable": process.execPath,
    "conda location": context.commandLine[0] ?? "",
    "conda-build": "None",
    "user site dirs": "",
  };
}

/** By a peer's name also the versions that its `info` has, of what stands in the place of those libraries here. */
function versionsFor(name: string, { nodeVersion }: InfoResult): Record<string, string> {
  const own = { "taipan version": VERSION, "node version": nodeVersion };
  if (name === "conda")
    return {
      conda_env_version: PEER_VERSIONS.conda,
      // conda's words where a part of it is missing.
      conda_build_version: "not installed",
      requests_version: "not installed",
      ...own,
    };
  if (name !== "micromamba" && name !== "mamba") return own;
  return {
    "libmamba version": PEER_VERSIONS.micromamba,
    [`${name} version`]: PEER_VERSIONS.micromamba,
    "mamba version": PEER_VERSIONS.mamba,
    "curl version": `none (Node.js ${nodeVersion})`,
    "libarchive version": `none (taipan ${VERSION})`,
    ...own,
  };
}

/** micromamba's keys (with spaces) and conda's (with underscores) in one document: tools read either. */
function infoDocument(result: InfoResult, session: Session): Record<string, unknown> {
  const system = systemFacts(result, session);
  return {
    "base environment": result.rootPrefix,
    channels: result.channels,
    "env location": result.target.prefix,
    environment: targetName(result),
    "envs directories": result.envsDirs,
    "package cache": result.pkgsDirs,
    platform: result.platform,
    "populated config files": result.configFiles,
    "user config files": result.userConfigFiles,
    "virtual packages": result.virtualPackages.map(virtualPackage),
    active_prefix: result.activePrefix ?? null,
    active_prefix_name: result.activeName ?? null,
    conda_prefix: result.rootPrefix,
    conda_version: PEER_VERSIONS.conda,
    conda_shlvl: result.shellLevel,
    user_rc_path: result.userConfigFiles[0],
    rc_path: result.userConfigFiles[0],
    sys_rc_path: join(result.rootPrefix, ".condarc"),
    default_prefix: result.activePrefix ?? result.rootPrefix,
    envs: result.environments,
    envs_dirs: result.envsDirs,
    offline: result.offline,
    pkgs_dirs: result.pkgsDirs,
    root_prefix: result.rootPrefix,
    root_writable: result.rootWritable,
    config_files: result.configFiles,
    solver: { name: "taipan", default: true, user_agent: `taipan/${VERSION}` },
    user_agent: userAgent(result),
    env_vars: result.variables,
    "sys.version": system["sys.version"],
    "sys.prefix": system["sys.prefix"],
    "sys.executable": system["sys.executable"],
    conda_location: system["conda location"],
    site_dirs: [],
    python_version: null,
    virtual_pkgs: result.virtualPackages.map((entry) => [entry.name, entry.version, entry.build]),
  };
}
