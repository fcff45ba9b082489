import { parseError } from "../errors.ts";
import { compileRegex, type LinearRegex } from "./regex.ts";

/** CEP 29 string matching, always case-insensitive: exact, glob (`*` is any run of characters) or `^regex$`. */
export type StringMatcher =
  | { kind: "exact"; source: string; value: string }
  | { kind: "glob"; source: string; parts: readonly string[] }
  | { kind: "regex"; source: string; regex: LinearRegex };

/** Throws `parse-error` for a bad regular expression; everything else is a glob or an exact string. */
export function parseStringMatcher(text: string): StringMatcher {
  if (text.length > 1 && text.startsWith("^") && text.endsWith("$"))
    return { kind: "regex", source: text, regex: compileRegex(text) };
  if (text.startsWith("^") && text.includes("("))
    throw parseError("expression", text, text.length - 1, "a regular expression ends with `$`");
  const value = text.toLowerCase();
  return value.includes("*")
    ? { kind: "glob", source: text, parts: value.split("*") }
    : { kind: "exact", source: text, value };
}

export function stringMatches(matcher: StringMatcher, text: string): boolean {
  switch (matcher.kind) {
    case "exact":
      return matcher.value === text || matcher.value === text.toLowerCase();
    case "glob":
      return globMatches(matcher.parts, text.toLowerCase());
    case "regex":
      return matcher.regex.test(text);
  }
}

/** Matches every string, so the field may as well be absent. */
export function matchesAnything(matcher: StringMatcher): boolean {
  return matcher.kind === "glob" && matcher.parts.every((part) => part === "");
}

/** Leftmost placement of each literal part is always safe, so no RegExp and no backtracking is needed. */
function globMatches(parts: readonly string[], text: string): boolean {
  const first = parts[0] as string;
  const last = parts[parts.length - 1] as string;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  let from = first.length;
  const end = text.length - last.length;
  for (let i = 1; i < parts.length - 1; i++) {
    const part = parts[i] as string;
    const at = text.indexOf(part, from);
    if (at < 0 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}
