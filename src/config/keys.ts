import type { KeyDefinition } from "./key-types.ts";
import { CHANNEL_KEYS } from "./keys-channels.ts";
import { INSTALL_KEYS } from "./keys-install.ts";
import { OUTPUT_KEYS } from "./keys-output.ts";

/** Every configuration key, by its name in condarc files. */
export const KEYS = { ...INSTALL_KEYS, ...CHANNEL_KEYS, ...OUTPUT_KEYS };

export type KeyName = keyof typeof KEYS;

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

/** The value of every key, in camel case and typed. */
export type ConfigValues = {
  -readonly [K in KeyName as CamelCase<K>]: (typeof KEYS)[K] extends KeyDefinition<infer T> ? T : never;
};

export const KEY_NAMES = Object.keys(KEYS) as KeyName[];

export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

export function keyDefinition(name: KeyName): KeyDefinition {
  return KEYS[name];
}

const byAnyName = new Map<string, KeyName>(
  KEY_NAMES.flatMap((name) =>
    [name, ...KEYS[name].aliases].map((spelling): [string, KeyName] => [spelling, name]),
  ),
);

/** The key of a name or alias, or undefined. */
export function findKey(name: string): KeyName | undefined {
  return byAnyName.get(name);
}

/**
 * Keys of conda's own condarc (conda/base/context.py) and of conda-build that mean nothing to an installer without
 * conda's plug-ins, error reports or self-update. They are known, so nobody is warned about them, and change nothing.
 */
export const FOREIGN_KEYS: ReadonlySet<string> = new Set(
  `allow_conda_downgrades allow_cycles anaconda_upload auto_update_conda bld_path binstar_upload conda_build conda-build
  console croot default_python deps_modifier dev enable_private_envs environment_specifier
  error_upload_url experimental_solver export_platforms force force_32bit
  force_remove http_timeout_secs
  ignore_pinned local_build_root migrated_channel_aliases migrated_custom_channels no_lock no_plugins
  non_admin_enabled notify_outdated_conda pinned_file plugins
  report_errors
  reporters repodata_threads restore_free_channel root_dir sat_solver separate_format_cache solver
  solver_ignore_timestamps subdirs trace unsatisfiable_hints
  unsatisfiable_hints_check_depth update_modifier verify_threads`.split(/\s+/),
);

/** Those of conda's keys that would change what it installs, by what says the same here: who sets them is told. */
export const UNHEEDED_KEYS: ReadonlyMap<string, string> = new Map([
  ["deps_modifier", "--no-deps and --only-deps choose it"],
  ["force_remove", "`remove --force` chooses it"],
  ["ignore_pinned", "--no-pin chooses it"],
  ["restore_free_channel", "`-c pkgs/free` adds that channel"],
  ["update_modifier", "--freeze-installed, --update-deps and --all choose it"],
]);
