import { ToolError } from "../errors.ts";
import { redactUrl } from "../specs/credentials.ts";
import { isLockFileName } from "../specs/spec-file.ts";

const READ_WITH_F = "-f reads environment.yml, lists of specs, `@EXPLICIT` files and lock files";

/** Files whose text would pass for specs, line by line, and be asked of the channels. */
const OTHER_FILES: readonly (readonly [name: RegExp, hint: string])[] = [
  [/(^|[/\\])pixi\.toml$/i, "give `pixi.lock`, or what `pixi workspace export conda-environment` writes"],
  [/(^|[/\\])pyproject\.toml$/i, `install it with pip: \`- .\` under \`pip:\` in an environment.yml`],
  [/\.py$/i, "what a script needs goes into an environment.yml"],
  [/\.(conda|tar\.bz2|whl)$/i, "a package is named without -f; wheels go under `pip:` in an environment.yml"],
  [/\.(toml|cfg|ini|zip|gz|xz|zst|bz2|tgz|tar|exe|ipynb|lock\.json)$/i, READ_WITH_F],
];

/** Throws `env-file-invalid` for what is known by its name to be something else. */
export function refuseByName(file: string): void {
  const name = file.replace(/[?#].*$/, "");
  const hint = OTHER_FILES.find(([pattern]) => pattern.test(name))?.[1];
  if (hint !== undefined && !isLockFileName(name))
    throw new ToolError("env-file-invalid", `\`${redactUrl(file)}\` is no file of conda specs`, { hint });
}

/** pip's options make a list one of pip's; `numpy==1.0` alone is in both languages. */
export function refuseRequirements(text: string, shown: string): void {
  const option = /^[ \t]*(-[rec]\b|--[a-z][a-z-]+)/m.exec(text)?.[1];
  if (option === undefined) return;
  throw new ToolError("env-file-invalid", `\`${shown}\` is a list for pip: it has \`${option}\``, {
    hint: `write \`- -r ${shown}\` under \`pip:\` in an environment.yml`,
  });
}
