import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { pathKind, removeTree, writeAtomic } from "../fs/files.ts";
import { exec } from "../host/exec.ts";
import { activatedEnvironment } from "../shell/environment.ts";
import { type CommandContext, platformOf } from "./context.ts";

export interface PipRequest {
  /** Lines of a requirements file. */
  requirements: readonly string[];
  /** Where relative requirements count from. */
  directory: string;
  /** The lines are all there is (lock files). */
  noDeps?: boolean;
}

/**
 * Installs an environment file's `pip:` section with the environment's own pip (or uv, with use_uv).
 * The lines go through a requirements file in the file's directory, so that `-r` and `-e .` count from there.
 */
export async function installWithPip(
  prefix: string,
  request: PipRequest,
  context: CommandContext,
): Promise<void> {
  const { requirements, directory } = request;
  const windows = platformOf(context).startsWith("win-");
  const python = join(prefix, windows ? "python.exe" : "bin/python");
  if ((await pathKind(python)) === undefined) {
    throw new ToolError(
      "pip-failed",
      `the environment \`${prefix}\` has no python for its \`pip:\` section`,
      { hint: "add `python` and `pip` to the dependencies" },
    );
  }
  if (context.config.relocatePrefix)
    context.events({
      type: "warning",
      code: "pip-relocate",
      message: `pip writes \`${prefix}\` into what it installs, not \`${context.config.relocatePrefix}\``,
    });
  if (context.config.offline)
    context.events({
      type: "warning",
      code: "pip-offline",
      message: "pip is run with --no-index, since --offline is given",
    });
  const started = performance.now();
  context.events({ type: "phase", phase: "pip", state: "start" });
  const file = join(directory, `.taipan-${process.pid}-requirements.txt`);
  await writeAtomic(file, `${requirements.join("\n")}\n`);
  try {
    const env = await activatedEnvironment(prefix, context.env);
    const flags = [
      ...(context.config.offline ? ["--no-index"] : []),
      ...(request.noDeps ? ["--no-deps"] : []),
    ];
    const args = context.config.useUv
      ? ["pip", "install", "--python", python, ...flags, "-r", file]
      : ["-m", "pip", "install", "-U", "--no-input", "--disable-pip-version-check", ...flags, "-r", file];
    const result = await exec(context.config.useUv ? "uv" : python, args, {
      env: { ...env, PYTHONNOUSERSITE: "1" },
      cwd: directory,
      signal: context.signal,
    });
    if (result.code !== 0) {
      const said = `${result.stdout}\n${result.stderr}`
        .split("\n")
        .filter((line) => /error|no matching|could not/i.test(line));
      throw new ToolError(
        "pip-failed",
        `pip could not install the \`pip:\` section: ${said.at(-1)?.trim() ?? `exit code ${result.code}`}`,
        {
          hint: "the conda packages are installed; correct the section and run `env update`",
          details: { stdout: result.stdout, stderr: result.stderr, exit_code: result.code },
        },
      );
    }
  } finally {
    await removeTree(file);
    context.events({
      type: "phase",
      phase: "pip",
      state: "end",
      seconds: (performance.now() - started) / 1000,
    });
  }
}
