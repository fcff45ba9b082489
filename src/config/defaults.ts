import { posix, win32 } from "node:path";
import type { KeyName } from "./keys.ts";

export interface DefaultsInput {
  home: string;
  /** Where programs keep a user's data; empty where the system says nothing: `~/.local/share`. */
  dataHome: string;
  platform: string;
  exists(directory: string): boolean;
  /** From the command line or a variable. */
  rootPrefix: string | undefined;
}

export interface Defaults {
  rootPrefix: string;
  /** The final value of a key: fills in what depends on the machine, and appends what is always searched. */
  complete(name: KeyName, value: unknown, given: boolean): unknown;
}

const ANACONDA = "https://repo.anaconda.com";

/** Default values that depend on the machine, as micromamba chooses them. */
export function deriveDefaults(input: DefaultsInput): Defaults {
  const windows = input.platform.startsWith("win");
  const { join } = windows ? win32 : posix;
  const legacy = join(input.home, "micromamba");
  const rootPrefix =
    input.rootPrefix ||
    (input.exists(join(legacy, "conda-meta"))
      ? legacy
      : join(input.dataHome || join(input.home, ".local", "share"), "mamba"));
  const complete = (name: KeyName, value: unknown, given: boolean): unknown => {
    switch (name) {
      case "root_prefix":
        return rootPrefix;
      case "envs_dirs":
        return [...new Set([...(value as string[]), join(rootPrefix, "envs")])];
      case "pkgs_dirs":
        return given ? value : [join(rootPrefix, "pkgs"), join(input.home, ".mamba", "pkgs")];
      case "platform":
        return value || input.platform;
      case "default_channels":
        if (given) return value;
        return ["main", "r", ...(windows ? ["msys2"] : [])].map((name) => `${ANACONDA}/pkgs/${name}`);
      default:
        return value;
    }
  };
  return { rootPrefix, complete };
}
