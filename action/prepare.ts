import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ToolError } from "../src/errors.ts";
import { hostPlatform } from "../src/specs/platform.ts";
import type { ActionInputs } from "./inputs.ts";
import type { Workflow } from "./workflow.ts";

/** The bundle of this is dist/action.js. */
const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
export const TAIPAN = join(PACKAGE, "bin", "taipan.js");

/** Puts taipan on PATH, writes the configuration, and says where downloads are and by which key they are kept. */
export function prepare(inputs: ActionInputs, workflow: Workflow): void {
  const { rootPath } = inputs;
  mkdirSync(rootPath, { recursive: true });
  if (inputs.condarc) writeFileSync(join(rootPath, ".condarc"), inputs.condarc);
  if (inputs.condarcFile) {
    if (!existsSync(inputs.condarcFile))
      throw new ToolError("usage", `\`condarc-file\` is not there: \`${inputs.condarcFile}\``);
    workflow.variable("CONDARC", inputs.condarcFile);
  }
  writePrograms(inputs);
  workflow.path(programs(inputs));
  workflow.variable("MAMBA_ROOT_PREFIX", rootPath);
  workflow.variable("MAMBA_EXE", join(programs(inputs), "taipan"));
  const platform = hostPlatform(process.platform, process.arch);
  const general = `taipan-downloads-${platform}-`;
  workflow.output("root-path", rootPath);
  workflow.output("downloads-path", join(rootPath, "pkgs"));
  workflow.output("cache-downloads-key", inputs.cacheKey || general + fingerprint(inputs));
  workflow.output("cache-restore-key", inputs.cacheKey || general);
}

/** Where programs are put: beside the root prefix, which may be a cached one with links to what is gone. */
export function programs({ rootPath }: ActionInputs): string {
  return `${rootPath}-bin`;
}

/** `taipan` and its other names: the name that it is called by decides how it answers. */
function writePrograms(inputs: ActionInputs): void {
  const directory = programs(inputs);
  mkdirSync(directory, { recursive: true });
  for (const name of ["taipan", ...inputs.links]) {
    rmSync(join(directory, name), { force: true });
    symlinkSync(TAIPAN, join(directory, name));
  }
}

/** A shell script of one line. */
export function writeProgram(path: string, line: string): void {
  writeFileSync(path, `#!/bin/sh\n${line}\n`);
  chmodSync(path, 0o755);
}

/** Changes with what decides which packages are downloaded. */
function fingerprint(inputs: ActionInputs): string {
  const hash = createHash("sha256");
  for (const file of inputs.environmentFiles) {
    hash.update(`${file}\0`);
    if (existsSync(file)) hash.update(readFileSync(file));
    else if (!/^https?:/.test(file))
      throw new ToolError("usage", `\`environment-file\` is not there: \`${file}\``);
  }
  hash.update(JSON.stringify([inputs.createArgs, inputs.condarc]));
  if (inputs.condarcFile) hash.update(readFileSync(inputs.condarcFile));
  return hash.digest("hex").slice(0, 16);
}
