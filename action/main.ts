// The steps of action.yml: `prepare` says where things are and by which key downloads are kept, `create` makes the environment.
import { appendFileSync } from "node:fs";
import { ToolError } from "../src/errors.ts";
import { errorCommand } from "../src/util/github.ts";
import { createEnvironment } from "./create.ts";
import { readInputs } from "./inputs.ts";
import { prepare } from "./prepare.ts";
import type { Workflow } from "./workflow.ts";

/** Writes to the files that GitHub names. A value of several lines could set other names, so there is none. */
function append(variable: string, line: string): void {
  const file = process.env[variable];
  if (/[\r\n\0]/.test(line)) throw new ToolError("usage", `\`${line.slice(0, 60)}\` has more than one line`);
  if (file) appendFileSync(file, `${line}\n`);
}

const workflow: Workflow = {
  env: process.env,
  cwd: process.cwd(),
  output: (name, value) => append("GITHUB_OUTPUT", `${name}=${value}`),
  variable: (name, value) => append("GITHUB_ENV", `${name}=${value}`),
  path: (directory) => append("GITHUB_PATH", directory),
};

try {
  const inputs = readInputs(workflow);
  const step = process.argv[2];
  if (process.platform === "win32") throw new ToolError("usage", "the action runs on Linux and macOS only");
  if (step === "prepare") prepare(inputs, workflow);
  else if (step === "create") process.exitCode = await createEnvironment(inputs, workflow);
  else throw new ToolError("usage", `\`${step}\` is no step of the action`);
} catch (error) {
  const { message, hint } = error as { message: string; hint?: string };
  process.stdout.write(errorCommand(message, hint));
  process.exitCode = 1;
}
