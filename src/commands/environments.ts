import { join } from "node:path";
import { isWritable, pathKind, readText } from "../fs/files.ts";
import { readEnvironmentsTxt } from "../prefix/environments-txt.ts";
import { readFrozen } from "../prefix/frozen.ts";
import { parseHistory } from "../prefix/history.ts";
import type { CommandContext } from "./context.ts";
import { displayName, listEnvironments } from "./target.ts";

/**
 * Every environment that taipan can find: below the envs_dirs and in ~/.conda/environments.txt. For the peers the root prefix is
 * one as soon as its directory is there.
 */
export async function knownEnvironments(
  context: Pick<CommandContext, "config" | "home" | "dialect">,
): Promise<string[]> {
  const registered = await readEnvironmentsTxt(join(context.home, ".conda", "environments.txt"));
  const found = await listEnvironments(registered, context.config);
  const { rootPrefix } = context.config;
  const bare =
    (context.dialect ?? "taipan") !== "taipan" &&
    !found.includes(rootPrefix) &&
    (await pathKind(rootPrefix)) === "directory";
  return bare ? [rootPrefix, ...found] : found;
}

export interface EnvironmentDetails {
  name: string;
  /** Dates of the first and last revision, `null` without a history. */
  created: string | null;
  last_modified: string | null;
  active: boolean;
  base: boolean;
  frozen: boolean;
  writable: boolean;
}

/** What conda's `envs_details` says about an environment. */
export async function describeEnvironment(
  prefix: string,
  context: Pick<CommandContext, "config" | "env">,
): Promise<EnvironmentDetails> {
  const { config, env } = context;
  const history = await readText(join(prefix, "conda-meta", "history"));
  const { revisions } = parseHistory(history ?? "");
  const name = displayName(prefix, config);
  return {
    name: name === prefix ? "" : name,
    created: revisions[0]?.date ?? null,
    last_modified: revisions.at(-1)?.date ?? null,
    active: prefix === env["CONDA_PREFIX"],
    base: prefix === config.rootPrefix,
    frozen: (await readFrozen(prefix)) !== undefined,
    writable: await isWritable(prefix),
  };
}
