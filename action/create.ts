import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { gatherInputs } from "../src/commands/inputs.ts";
import { createContext } from "../src/commands/library.ts";
import { ToolError } from "../src/errors.ts";
import type { ActionInputs, Shell } from "./inputs.ts";
import { programs, TAIPAN, writeProgram } from "./prepare.ts";
import type { Workflow } from "./workflow.ts";

/** Makes the environment that the inputs describe, if they do, and has shells start in it. Returns the exit code. */
export async function createEnvironment(inputs: ActionInputs, workflow: Workflow): Promise<number> {
  const prefix = await targetPrefix(inputs, workflow);
  if (prefix !== undefined) {
    const files = inputs.environmentFiles.flatMap((file) => ["-f", file]);
    const target = namesTarget(inputs.createArgs) ? [] : ["-p", prefix];
    const code = taipanCreate([...target, ...files, ...inputs.createArgs], inputs, workflow);
    if (code !== 0)
      throw new ToolError("internal", `\`taipan create\` failed with exit code ${code}`, {
        hint: "its messages are above",
      });
    workflow.output("environment-path", prefix);
  }
  for (const shell of inputs.shells) initShell(shell, prefix, inputs, workflow);
  if (inputs.runShell && prefix !== undefined) {
    const words = [process.execPath, TAIPAN, "run", "-r", inputs.rootPath, "-p", prefix].map(quote).join(" ");
    // The runner's script is not executable.
    writeProgram(join(programs(inputs), "taipan-shell"), `exec ${words} bash -e "$@"`);
  }
  return 0;
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function taipanCreate(args: readonly string[], inputs: ActionInputs, workflow: Workflow): number {
  const level = inputs.logLevel ? ["--log-level", inputs.logLevel] : [];
  const { status, error } = spawnSync(
    process.execPath,
    [TAIPAN, "create", "--yes", "-r", inputs.rootPath, ...level, ...args],
    {
      stdio: "inherit",
      cwd: workflow.cwd,
      // An environment of the runner image is not what is meant.
      env: { ...workflow.env, CONDA_PREFIX: "" },
    },
  );
  if (error) throw new ToolError("internal", `taipan cannot be started: ${error.message}`, { cause: error });
  return status ?? 1;
}

const TARGET = /^(?:-n|--name|-p|--prefix)(?:=|$)/;

function namesTarget(args: readonly string[]): boolean {
  return args.some((word) => TARGET.test(word));
}

/** Where the environment will be: create-args decide, then environment-name, then the files. Undefined when none is asked for. */
async function targetPrefix(inputs: ActionInputs, { env, cwd }: Workflow): Promise<string | undefined> {
  const { createArgs, environmentFiles, rootPath } = inputs;
  const named = (name: string): string =>
    name === "base" || name === "root" ? rootPath : join(rootPath, "envs", name);
  const at = createArgs.findIndex((word) => TARGET.test(word));
  if (at >= 0) {
    const [option, joined] = createArgs[at]!.split(/=(.*)/s);
    const value = joined ?? createArgs[at + 1] ?? "";
    return option === "-p" || option === "--prefix" ? resolve(cwd, value) : named(value);
  }
  if (inputs.environmentName) return named(inputs.environmentName);
  if (environmentFiles.length === 0) {
    if (createArgs.length === 0) return undefined;
    throw new ToolError("usage", "`create-args` are given, but no name", { hint: "set `environment-name`" });
  }
  const context = createContext({ env, cwd, config: { rootPrefix: rootPath } });
  try {
    const { name, prefix } = await gatherInputs(
      { specs: [], files: environmentFiles, readStdin: async () => "" },
      context,
    );
    if (prefix) return resolve(cwd, prefix);
    if (name) return named(name);
  } finally {
    await context.resources.close();
  }
  throw new ToolError("usage", "the environment has no name", { hint: "set `environment-name`" });
}

/** `bash -el {0}` reads the profile, not ~/.bashrc. */
const PROFILES: Readonly<Record<Shell, string>> = {
  bash: ".bash_profile",
  zsh: ".zshrc",
  fish: ".config/fish/config.fish",
};

/** Has a shell know `taipan activate`, and start in the environment. Once, however often the action runs. */
function initShell(shell: Shell, prefix: string | undefined, inputs: ActionInputs, { env }: Workflow): void {
  const file = join(env["HOME"] ?? homedir(), PROFILES[shell]);
  const program = quote(join(programs(inputs), "taipan"));
  const hook = `${program} shell hook -s ${shell} -r ${quote(inputs.rootPath)}`;
  const lines = [
    shell === "fish" ? `${hook} | source` : `eval "$(${hook})"`,
    ...(prefix === undefined ? [] : [`taipan activate ${quote(prefix)}`]),
  ];
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  const text = `${lines.join("\n")}\n`;
  if (before.includes(text)) return;
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${before && !before.endsWith("\n") ? "\n" : ""}${text}`);
}
