import { ToolError } from "../errors.ts";
import { exec } from "../host/exec.ts";
import type { CommandContext } from "./context.ts";

const KEY = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\FileSystem";
const VALUE = "LongPathsEnabled";

/**
 * Lets programs on Windows use paths of more than 260 characters, for all users; only an administrator may. `unneeded` on other
 * systems, which have no such limit.
 */
export async function enableLongPaths(
  context: Pick<CommandContext, "hostPlatform" | "config" | "env">,
): Promise<"unneeded" | "enabled-before" | "enabled" | "would-enable"> {
  if (!context.hostPlatform.startsWith("win-")) return "unneeded";
  const query = await exec("reg.exe", ["query", KEY, "/v", VALUE], { env: context.env });
  if (/LongPathsEnabled\s+REG_DWORD\s+0x1\b/.test(query.stdout)) return "enabled-before";
  if (context.config.dryRun) return "would-enable";
  const result = await exec("reg.exe", ["add", KEY, "/v", VALUE, "/t", "REG_DWORD", "/d", "1", "/f"], {
    env: context.env,
  });
  if (result.code === 0) return "enabled";
  throw new ToolError("permission-denied", `cannot set ${VALUE} in the registry: ${result.stderr.trim()}`, {
    hint: "run the command in a terminal that was started as administrator",
  });
}
