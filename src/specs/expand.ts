/** Values from outside that file parsers may put into paths; nothing is read from the process here. */
export interface ExpandContext {
  /** Absolute home directory for a leading `~`. */
  home?: string | undefined;
  /** Environment variables for `$NAME`, `${NAME}` and, on Windows paths, `%NAME%`. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** `~` at the beginning and variables anywhere, as Python's expanduser and expandvars do: unknown variables stay as written. */
export function expandPath(text: string, context: ExpandContext): string {
  const home = context.home;
  const expanded = home !== undefined && /^~(?:[/\\]|$)/.test(text) ? home + text.slice(1) : text;
  return expandVariables(expanded, context);
}

export function expandVariables(text: string, { env }: ExpandContext): string {
  if (!env) return text;
  return text.replace(
    /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))|%([A-Za-z_]\w*)%/g,
    (whole, braced, bare, percent) => {
      const name: string = braced ?? bare ?? percent;
      return (Object.hasOwn(env, name) ? env[name] : undefined) ?? whole;
    },
  );
}
