import type { LinkMethod } from "../fs/link.ts";

/** How links are made and what may run; the part of the configuration that this layer reads. */
export interface LinkOptions {
  /** Platform of the environment, such as `linux-64`. */
  platform: string;
  compilePyc: boolean;
  alwaysCopy: boolean;
  alwaysSoftlink: boolean;
  allowSoftlinks: boolean;
  /** `run` as conda does, `skip`, or `fail`: refuse packages that have any, before anything changes. */
  linkScripts: "run" | "skip" | "fail";
  /** What happens when two packages have one path, or a file is there that belongs to none. */
  pathConflict: "clobber" | "warn" | "prevent";
  /** Make menu entries (menuinst). */
  shortcuts: boolean;
  /** Seconds to wait for a process that changes the same prefix; 0 waits for as long as it takes. */
  lockTimeout: number;
  rootPrefix: string;
  /** Prefix to write into files instead of the one they are linked into: where an image or an archive of it will be unpacked. */
  relocatePrefix?: string | undefined;
  /** File in which the prefix is registered; undefined does not register it. */
  environmentsTxt?: string | undefined;
  /** Environment of programs that are started: python, link scripts. */
  env: Readonly<Record<string, string | undefined>>;
  /** Compare every file with paths.json before it is linked (`extra_safety_checks`). */
  extraSafetyChecks?: boolean | undefined;
  /** Change a frozen environment (CEP 22). */
  overrideFrozen?: boolean | undefined;
  /** Name packages in conda-meta/history by the URL of their channel, as micromamba does; else by its name, as conda does. */
  historyUrls?: boolean | undefined;
  /** Python processes that compile; by default one for each core. */
  compileProcesses?: number | undefined;
  /** Program that signs patched binaries for osx-arm64; /usr/bin/codesign by default. */
  codesign?: string | undefined;
  /** Directory where menu entries go instead of the user's own (tests, images). */
  menuDirectory?: string | undefined;
}

/** Kinds of links in the order to try; a copy is what remains when none works. */
export function linkMethods(
  options: Pick<LinkOptions, "alwaysCopy" | "alwaysSoftlink" | "allowSoftlinks">,
): LinkMethod[] {
  if (options.alwaysCopy) return ["reflink", "copy"];
  if (options.alwaysSoftlink) return ["softlink", "copy"];
  return options.allowSoftlinks
    ? ["reflink", "hardlink", "softlink", "copy"]
    : ["reflink", "hardlink", "copy"];
}
