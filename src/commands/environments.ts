import { join } from "node:path";
import { fileFacts } from "../fs/cache-files.ts";
import { isWritable, pathKind, readText, realPath } from "../fs/files.ts";
import { readEnvironmentsTxt } from "../prefix/environments-txt.ts";
import { readFrozen } from "../prefix/frozen.ts";
import { historyDate, parseHistory } from "../prefix/history.ts";
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
  /** Date of the first revision, `null` without a history. */
  created: string | null;
  /** Of the last revision; without a history, of the directory. `null` where it cannot be looked at. */
  last_modified: string | null;
  active: boolean;
  base: boolean;
  frozen: boolean;
  writable: boolean;
}

/** Whether the environment is the shell's, by whatever links either path leads through. */
export function isActive(prefix: string, env: CommandContext["env"]): boolean {
  const active = env["CONDA_PREFIX"];
  return active !== undefined && active !== "" && realPath(active) === realPath(prefix);
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
    last_modified: revisions.at(-1)?.date ?? (await dateOfDirectory(prefix)),
    active: isActive(prefix, env),
    base: prefix === config.rootPrefix,
    frozen: (await readFrozen(prefix)) !== undefined,
    writable: await isWritable(prefix),
  };
}

async function dateOfDirectory(path: string): Promise<string | null> {
  const facts = await fileFacts(path);
  return facts ? historyDate(new Date(facts.modified)) : null;
}
