import { eastAsianWidth } from "get-east-asian-width";
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
  /** Whether more than ASCII can be shown. */
  unicode: boolean;
  colors: Colors;
  /** Show channels by their URL, not by their name (`show_channel_urls`). */
  channelUrls?: boolean;
  /** Width at this moment: windows are resized. Undefined where the stream is no terminal. */
  columns(): number | undefined;
}

/** Colour needs a terminal and no NO_COLOR; FORCE_COLOR overrides; TERM=dumb has neither colour nor redrawing. */
export function terminalFacts(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): TerminalFacts {
  const dumb = env["TERM"] === "dumb";
  const forced = env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "0";
  const color = forced || (Boolean(stream.isTTY) && !dumb && !env["NO_COLOR"]);
  return {
    interactive: Boolean(stream.isTTY) && !dumb && !env["CI"],
    unicode: !dumb && showsUnicode(env),
    colors: pc.createColors(color),
    columns: () => (stream.isTTY ? stream.columns || 80 : undefined),
  };
}

/** A locale of another encoding says no; a missing one says nothing, and UTF-8 is what is left to expect. */
function showsUnicode(env: NodeJS.ProcessEnv): boolean {
  if (env["OS"] === "Windows_NT") return Boolean(env["WT_SESSION"] || env["TERM_PROGRAM"] || env["CI"]);
  if (env["TERM"] === "linux") return false;
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return locale === "" || /utf-?8/i.test(locale) || locale === "C" || locale === "POSIX";
}

/**
 * Replaces control characters and those that turn the direction of writing, so that text from channels and archives can
 * neither steer the terminal nor show another order than it has; and line breaks before what the runner of GitHub workflows
 * takes for a command (`::name::`, `##[name]`) at the beginning of a line.
 */
export function printable(text: string): string {
  return text
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\uFFFD")
    .replace(/\n\s*(?=::|##\[)/g, "\uFFFD");
}

/** Columns that the text takes: two for wide characters, none for combining ones. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

function charWidth(char: string): number {
  return /^[\p{Mn}\p{Me}\p{Cf}]$/u.test(char) ? 0 : eastAsianWidth(char.codePointAt(0)!);
}

/** The text cut to so many columns, with `…` where something is missing. */
export function clip(text: string, columns: number, unicode = true): string {
  if (displayWidth(text) <= columns) return text;
  const mark = unicode ? "…" : ".";
  let width = 0;
  let end = 0;
  for (const char of text) {
    const next = width + charWidth(char);
    if (next > columns - 1) break;
    width = next;
    end += char.length;
  }
  return columns < 1 ? "" : text.slice(0, end) + mark;
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - displayWidth(text))) + text;
}
