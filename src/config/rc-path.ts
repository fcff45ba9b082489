import { posix, win32 } from "node:path";

export interface RcPathInput {
  platform: string;
  home: string;
  rootPrefix: string;
  targetPrefix?: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
}

/** A place where a condarc may be: a file, or a directory of `*.yml`, `*.yaml` and condarc files. */
export interface RcLocation {
  path: string;
  directory: boolean;
}

/**
 * Every place where configuration is looked for, lowest precedence first: conda's search path
 * (conda/base/constants.py) with mamba's own files after it. A place that two rules name keeps its lowest rank.
 */
export function rcSearchPath(input: RcPathInput): RcLocation[] {
  const { env, home, rootPrefix, targetPrefix } = input;
  const windows = input.platform.startsWith("win");
  const { join } = windows ? win32 : posix;
  const conda = (dir: string) => [join(dir, ".condarc"), join(dir, "condarc"), `${join(dir, "condarc.d")}/`];
  const mamba = (dir: string) => [join(dir, ".mambarc"), join(dir, "mambarc"), `${join(dir, "mambarc.d")}/`];
  const prefix = (dir: string) => [...conda(dir), join(dir, ".mambarc")];

  const system = windows ? ["C:\\ProgramData\\conda"] : ["/etc/conda", "/var/lib/conda"];
  const userConfig = env["XDG_CONFIG_HOME"] || join(home, ".config");
  const places = [
    ...system.flatMap(prefix),
    ...prefix(rootPrefix),
    ...conda(join(home, ".config", "conda")),
    ...conda(join(userConfig, "conda")),
    ...conda(join(home, ".conda")),
    join(home, ".condarc"),
    ...(env["CONDA_PREFIX"] ? conda(env["CONDA_PREFIX"]) : []),
    ...(env["CONDARC"] ? [env["CONDARC"]] : []),
    ...mamba(join(home, ".config", "mamba")),
    ...mamba(join(userConfig, "mamba")),
    ...mamba(join(home, ".mamba")),
    join(home, ".mambarc"),
    ...(env["MAMBARC"] ? [env["MAMBARC"]] : []),
    ...(targetPrefix ? prefix(targetPrefix) : []),
  ];
  return [...new Set(places)].map((path) => ({
    path: path.replace(/\/$/, ""),
    directory: path.endsWith("/"),
  }));
}

/** Names that a condarc inside a `condarc.d` directory may have. */
export function isRcFileName(name: string): boolean {
  return /^(\.?condarc|\.?mambarc)$/.test(name) || /\.(ya?ml|condarc|mambarc)$/.test(name);
}

/** The file that `config --system`, `--env` or neither edits. */
export function rcFileToEdit(
  scope: "user" | "system" | "env",
  input: { home: string; rootPrefix: string; activePrefix?: string | undefined; platform: string },
): string {
  const { join } = input.platform.startsWith("win") ? win32 : posix;
  if (scope === "user") return join(input.home, ".condarc");
  return join(scope === "env" ? input.activePrefix || input.rootPrefix : input.rootPrefix, ".condarc");
}
