import { basename, dirname } from "node:path";
import { ToolError } from "../errors.ts";
import { pathKind } from "../fs/files.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import { similarNames } from "../specs/names.ts";
import { asMicromamba, type CommandContext } from "./context.ts";
import { listEnvironments, type TargetContext } from "./target.ts";

/** What `resolveTarget` has to know of a command. */
export function targetContext(
  context: Pick<CommandContext, "config" | "env" | "cwd" | "home" | "dialect">,
): TargetContext {
  return {
    rootPrefix: context.config.rootPrefix,
    envsDirs: context.config.envsDirs,
    activePrefix: context.config.targetPrefix || context.env["CONDA_PREFIX"] || undefined,
    cwd: context.cwd,
    home: context.home,
    anyName: asMicromamba(context),
  };
}

/**
 * The prefix, if it is an environment; an error that says how to make one otherwise. By conda's name the root prefix is
 * meant where nothing is named.
 */
export async function requireEnvironment(
  named: string | undefined,
  context: Pick<CommandContext, "config" | "dialect"> & { createMissing?: boolean },
): Promise<string> {
  const prefix = named ?? (context.dialect === "conda" ? context.config.rootPrefix : undefined);
  if (prefix === undefined) {
    throw new ToolError("environment-not-found", "no environment is named and none is active", {
      hint: "name one with -n NAME or -p PATH; `env list` shows them",
    });
  }
  if (!context.createMissing && !(await isEnvironment(prefix))) {
    const near = await similarEnvironments(prefix, context.config);
    throw new ToolError("environment-not-found", `there is no environment at \`${prefix}\``, {
      hint: near.length
        ? `did you mean ${near.map((name) => `\`${name}\``).join(" or ")}? \`env list\` shows all`
        : "`env list` shows the environments, `create` makes a new one",
      details: {
        location: prefix,
        // What conda calls a directory that is there and no environment.
        ...((await pathKind(prefix)) === "directory"
          ? { exception_name: "DirectoryNotACondaEnvironmentError" }
          : {}),
      },
    });
  }
  return prefix;
}

/** Names of environments beside the one that is missing, when they are spelt almost like it. */
async function similarEnvironments(prefix: string, config: CommandContext["config"]): Promise<string[]> {
  if (!config.envsDirs.includes(dirname(prefix))) return [];
  const names = await listEnvironments([], config);
  return similarNames(
    basename(prefix),
    names.filter((path) => path !== config.rootPrefix).map((path) => basename(path)),
  );
}
