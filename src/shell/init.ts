import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { ensureDir, realPath, removeTree, writeAtomic } from "../fs/files.ts";
import { fileModeSync, readTextSync } from "../fs/sync-files.ts";
import { exec } from "../host/exec.ts";
import { lineDiff } from "./diff.ts";
import { addInitBlock, autoRunValue, hasInitBlock, type InitInput, removeInitBlocks } from "./init-block.ts";
import { PROGRAM_START, rootFiles } from "./root-files.ts";
import { type Shell, shellSyntax } from "./syntax.ts";

export interface InitContext extends InitInput {
  home: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Target platform, such as `osx-arm64`. */
  platform: string;
  /** The system's configuration (`/etc`), where login shells of all users look; else the user's own files are edited. */
  systemDirectory?: string | undefined;
}

/** One file before and after; undefined is "does not exist". */
export interface FileChange {
  path: string;
  before: string | undefined;
  after: string | undefined;
  /** Files of the user are backed up before they change; files of taipan are not. */
  owner: "user" | "tool";
}

export interface InitPlan {
  shell: Shell;
  changes: FileChange[];
  /** The hook that cmd.exe's registry value shall call; null removes it. */
  autoRun?: string | null;
}

/** The start-up file of a shell, or undefined for cmd.exe, which has none. */
export function startupFile(
  shell: Shell,
  { home, env, platform, systemDirectory }: Omit<InitContext, keyof InitInput>,
): string | undefined {
  if (systemDirectory !== undefined) return systemFile(shell, systemDirectory);
  const config = env["XDG_CONFIG_HOME"] || join(home, ".config");
  const windows = platform.startsWith("win");
  switch (shell) {
    case "bash":
      return join(home, platform.startsWith("linux") ? ".bashrc" : ".bash_profile");
    case "zsh":
      return join(env["ZDOTDIR"] || home, ".zshrc");
    case "dash":
    case "posix":
    case "ash":
      return join(home, ".profile");
    case "fish":
      return join(config, "fish", "config.fish");
    case "tcsh":
      return join(home, ".tcshrc");
    case "csh":
      return join(home, ".cshrc");
    case "xonsh":
      return join(home, ".xonshrc");
    case "nu":
      return join(config, "nushell", "config.nu");
    case "powershell":
      return windows
        ? join(home, "Documents", "WindowsPowerShell", "profile.ps1")
        : join(config, "powershell", "profile.ps1");
    case "pwsh":
      return windows
        ? join(home, "Documents", "PowerShell", "profile.ps1")
        : join(config, "powershell", "profile.ps1");
    case "cmd.exe":
      return undefined;
  }
}

/** Files of its own, so that those of the system's packages stay as they are. */
function systemFile(shell: Shell, directory: string): string {
  switch (shellSyntax(shell).family) {
    case "posix":
      return join(directory, "profile.d", "taipan.sh");
    case "csh":
      return join(directory, "profile.d", "taipan.csh");
    case "fish":
      return join(directory, "fish", "conf.d", "taipan.fish");
    default:
      throw new ToolError("usage", `${shell} cannot be set up for all users`, {
        hint: "the shells that can are bash, zsh, dash, fish and tcsh",
      });
  }
}

/** What `shell init` would do: the block in the start-up file, and the hook's files in the root prefix. */
export function planInit(shell: Shell, context: InitContext): InitPlan {
  const file = startupFile(shell, context);
  const changes = rootFiles(shell, context).map(([path, after]) =>
    change(
      path,
      "tool",
      ours(path, () => after),
    ),
  );
  if (file !== undefined)
    changes.push(change(file, "user", (text) => addInitBlock(text ?? "", shell, context)));
  const plan: InitPlan = { shell, changes: changes.filter(differs) };
  if (shell === "cmd.exe") plan.autoRun = join(context.rootPrefix, "condabin", "mamba_hook.bat");
  return plan;
}

/** What `shell deinit` would do; a user's start-up file that held nothing else stays, empty. */
export function planDeinit(shell: Shell, context: InitContext): InitPlan {
  const file = startupFile(shell, context);
  const changes = rootFiles(shell, context).map(([path]) =>
    change(
      path,
      "tool",
      ours(path, () => undefined),
    ),
  );
  const without = (text: string) => {
    const left = removeInitBlocks(text, shell);
    return context.systemDirectory !== undefined && left.trim() === "" ? undefined : left;
  };
  if (file !== undefined) changes.push(change(file, "user", (text) => text && without(text)));
  const plan: InitPlan = { shell, changes: changes.filter(differs) };
  if (shell === "cmd.exe") plan.autoRun = null;
  return plan;
}

/** `shell reinit`: every shell whose start-up file has the block, for this executable and root prefix. */
export function planReinit(shells: readonly Shell[], context: InitContext): InitPlan[] {
  const initialized = shells.filter((shell) => {
    const file = startupFile(shell, context);
    return file !== undefined && hasInitBlock(readTextSync(file) ?? "", shell);
  });
  return initialized.map((shell) => planInit(shell, context));
}

function change(
  path: string,
  owner: FileChange["owner"],
  edit: (text: string | undefined) => string | undefined,
): FileChange {
  const before = readTextSync(path);
  return { path, before, after: edit(before), owner };
}

/** conda's own `bin/conda`, `bin/activate`, `conda.sh` and kin, which a package of the base environment brought, stay. */
function ours(
  path: string,
  edit: () => string | undefined,
): (text: string | undefined) => string | undefined {
  const script = /[/\\]((de)?activate|conda\.(sh|csh|fish|xsh))$/.test(path);
  const program = /[/\\](conda|mamba)$/.test(path);
  const foreign = (text: string) =>
    (script && !text.includes("MAMBA_EXE")) || (program && !text.startsWith(PROGRAM_START));
  return (text) => (text !== undefined && foreign(text) ? text : edit());
}

function differs(item: FileChange): boolean {
  return item.before !== item.after;
}

/** The plan as a unified diff, for `--dry-run`. */
export function initDiff(plan: InitPlan): string {
  return plan.changes.map(({ path, before, after }) => lineDiff(path, before, after)).join("");
}

/** Ending of the copy that is made of a user's file before it changes. */
export const BACKUP_SUFFIX = ".taipan-backup";

/** Does what was planned. A start-up file that is a symlink stays one: the file that it names is rewritten. */
export async function applyInit(
  plan: InitPlan,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  for (const { path, before, after, owner } of plan.changes) {
    if (after === undefined) {
      await removeTree(path);
      continue;
    }
    const target = realPath(path);
    const mode = fileModeSync(target) ?? (after.startsWith("#!") ? 0o755 : undefined);
    await ensureDir(join(target, ".."));
    if (owner === "user" && before !== undefined)
      await writeAtomic(`${target}${BACKUP_SUFFIX}`, before, mode === undefined ? {} : { mode });
    await writeAtomic(target, after, mode === undefined ? {} : { mode });
  }
  if (plan.autoRun !== undefined) await setAutoRun(plan.autoRun ?? undefined, env);
}

const AUTORUN_KEY = "HKCU\\Software\\Microsoft\\Command Processor";

async function setAutoRun(
  hook: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const query = await exec("reg.exe", ["query", AUTORUN_KEY, "/v", "AutoRun"], { env });
  const before = /AutoRun\s+REG_(?:EXPAND_)?SZ\s+(.*)/.exec(query.stdout)?.[1]?.trim() ?? "";
  const after = autoRunValue(before, hook);
  if (after === before) return;
  const set = ["add", AUTORUN_KEY, "/v", "AutoRun", "/t", "REG_EXPAND_SZ", "/d", after, "/f"];
  const remove = ["delete", AUTORUN_KEY, "/v", "AutoRun", "/f"];
  const result = await exec("reg.exe", after === "" ? remove : set, { env });
  if (result.code !== 0) {
    throw new ToolError("io-error", `cannot change AutoRun of cmd.exe: ${result.stderr.trim()}`);
  }
}
