import pc from "picocolors";

export interface Colors {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

export interface TerminalFacts {
  /** Whether the stream may be redrawn: a terminal that is not `dumb`, outside CI. */
  interactive: boolean;
  colors: Colors;
  columns: number;
}

/** Colour needs a terminal and no NO_COLOR; FORCE_COLOR overrides; TERM=dumb has neither colour nor redrawing. */
export function terminalFacts(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): TerminalFacts {
  const dumb = env["TERM"] === "dumb";
  const forced = env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "0";
  const color = forced || (Boolean(stream.isTTY) && !dumb && !env["NO_COLOR"]);
  return {
    interactive: Boolean(stream.isTTY) && !dumb && !env["CI"],
    colors: pc.createColors(color),
    columns: stream.columns || 100,
  };
}

/** Replaces control characters, so that text from channels and archives cannot steer the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "\uFFFD");
}
