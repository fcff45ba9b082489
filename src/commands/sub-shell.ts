import { ToolError } from "../errors.ts";
import { spawnAttached } from "../host/spawn.ts";
import { activatedEnvironment } from "../shell/environment.ts";
import { asMicromamba, type CommandContext } from "./context.ts";
import { requireEnvironment, targetContext } from "./environment.ts";
import { resolveTarget, type TargetOptions } from "./target.ts";

/** Runs the user's shell inside an environment until it is left; from `onStart` on signals are the shell's. Resolves to its exit code. */
export async function subShell(
  target: TargetOptions,
  onStart: () => void,
  context: CommandContext,
): Promise<number> {
  const { config, env, hostPlatform, signal } = context;
  const windows = hostPlatform.startsWith("win");
  const shell = windows ? (env["COMSPEC"] ?? "cmd.exe") : env["SHELL"];
  if (!shell)
    throw new ToolError("usage", "the shell to start is not known", { hint: "set SHELL to its path" });
  const prefix = await requireEnvironment(
    (await resolveTarget(target, targetContext(context))) ?? config.rootPrefix,
    context,
  );
  const activated = await activatedEnvironment(prefix, env, {
    rootPrefix: config.rootPrefix,
    envsDirs: config.envsDirs,
    upperCase: asMicromamba(context),
    signal,
  });
  return spawnAttached(shell, [], { env: activated, cwd: context.cwd, onStart });
}
