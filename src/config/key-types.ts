/**
 * How one configuration key is declared. The tables of keys are data: loading, editing, showing and the generated page
 * docs/configuration.md all read them, so a key is written down once.
 */
export type KeyGroup = (typeof KEY_GROUPS)[number];

/** In the order in which micromamba lists them. */
export const KEY_GROUPS = [
  "Basic",
  "Channels",
  "Repodata",
  "Network",
  "Solver",
  "Extract, Link & Install",
  "Output, Prompt and Flow Control",
  "Config sources",
] as const;

export type KeyKind =
  | "boolean"
  | "integer"
  | "number"
  | "string"
  | "list"
  | "map"
  | "listmap"
  | "settings"
  | "ssl";

/** `T` is the type of the value in `ConfigValues`; it exists only for the type checker. */
export interface KeyDefinition<T = unknown> {
  readonly kind: KeyKind;
  readonly group: KeyGroup;
  readonly default: T;
  readonly description: string;
  /** More than one sentence, shown by `config describe -l`. */
  readonly details?: string | undefined;
  /** Why the key changes nothing here; whoever sets it is told. */
  readonly noEffect?: string | undefined;
  /** Accepted words of a string key. */
  readonly choices?: readonly string[] | undefined;
  /** Other spellings accepted in condarc files and variables. */
  readonly aliases: readonly string[];
  /** May stand in a condarc file. */
  readonly rc: boolean;
  /**
   * Names of environment variables that micromamba reads for this key. Run by another name, every key that may stand
   * in a condarc also reads `TAIPAN_<KEY>`, `MAMBA_<KEY>` and `CONDA_<KEY>`.
   */
  readonly env: readonly string[];
  /** Separator of a list in an environment variable; `path` means the platform's PATH separator. */
  readonly separator: string;
  /** Elements are paths: `~` is the home directory and relative ones count from the working directory. */
  readonly path: boolean;
  /** How the default reads in documentation where it depends on the machine. */
  readonly defaultText?: string | undefined;
}

/** `auto` is `MAMBA_<KEY>`. */
type EnvNames = readonly string[] | "auto" | "none";

export interface KeyOptions {
  details?: string;
  choices?: readonly string[];
  aliases?: readonly string[];
  rc?: boolean;
  env?: EnvNames;
  separator?: string;
  path?: boolean;
  defaultText?: string;
  /** Why the key changes nothing here; said behind its description. */
  noEffect?: string;
}

/** A declaration before its name is known; `named` fills in the environment names. */
export interface KeyDraft<T> extends Omit<KeyDefinition<T>, "env"> {
  readonly env: EnvNames;
}

function draft<T>(
  kind: KeyKind,
  group: KeyGroup,
  value: T,
  description: string,
  options: KeyOptions = {},
): KeyDraft<T> {
  const withNote = (text: string) =>
    options.noEffect ? `${text}.\nWithout effect: ${options.noEffect}` : text;
  return {
    kind,
    group,
    default: value,
    description: withNote(description),
    details: options.details && `${withNote(options.details)}${options.noEffect ? "." : ""}`,
    noEffect: options.noEffect,
    choices: options.choices,
    aliases: options.aliases ?? [],
    rc: options.rc ?? true,
    env: options.env ?? "auto",
    separator: options.separator ?? ",",
    path: options.path ?? false,
    defaultText: options.defaultText,
  };
}

export const boolean = (group: KeyGroup, value: boolean, description: string, options?: KeyOptions) =>
  draft<boolean>("boolean", group, value, description, options);
export const integer = (group: KeyGroup, value: number, description: string, options?: KeyOptions) =>
  draft<number>("integer", group, value, description, options);
export const number = (group: KeyGroup, value: number, description: string, options?: KeyOptions) =>
  draft<number>("number", group, value, description, options);
export const string = (group: KeyGroup, value: string, description: string, options?: KeyOptions) =>
  draft<string>("string", group, value, description, options);
export const list = (group: KeyGroup, value: readonly string[], description: string, options?: KeyOptions) =>
  draft<string[]>("list", group, [...value], description, options);
export const map = (group: KeyGroup, description: string, options?: KeyOptions) =>
  draft<Record<string, string>>("map", group, {}, description, options);
export const listMap = (group: KeyGroup, description: string, options?: KeyOptions) =>
  draft<Record<string, string[]>>("listmap", group, {}, description, options);
export const settings = (group: KeyGroup, description: string, options?: KeyOptions) =>
  draft<Record<string, string>[]>("settings", group, [], description, options);

/** A string key that accepts only the given words. */
export function oneOf<const C extends readonly string[]>(
  group: KeyGroup,
  choices: C,
  value: C[number],
  description: string,
  options?: KeyOptions,
): KeyDraft<C[number]> {
  return draft<C[number]>("string", group, value, description, { ...options, choices });
}

/** `true`, `false`, `<system>`, `truststore`, or the path of a certificate bundle. */
export const sslVerify = (group: KeyGroup, description: string, options?: KeyOptions) =>
  draft<boolean | string>("ssl", group, true, description, options);

type Named<D> = { readonly [K in keyof D]: D[K] extends KeyDraft<infer T> ? KeyDefinition<T> : never };

/** Gives every declaration its environment variable names. */
export function named<D extends Record<string, KeyDraft<unknown>>>(drafts: D): Named<D> {
  const entries = Object.entries(drafts).map(([key, value]) => [
    key,
    {
      ...value,
      env: value.env === "auto" ? [`MAMBA_${key.toUpperCase()}`] : value.env === "none" ? [] : value.env,
    },
  ]);
  return Object.fromEntries(entries) as Named<D>;
}
