import type { UrlAuth } from "../specs/credentials.ts";

export interface NetrcEntry {
  /** Undefined for `default`. */
  machine: string | undefined;
  login: string;
  password: string;
}

/** Reads a netrc file: machine, default, login, password, account; macros and comments are skipped. Never throws. */
export function parseNetrc(text: string): NetrcEntry[] {
  // A macro runs to the next empty line.
  const words = tokens(text.replace(/^[^\S\n]*macdef\b[\s\S]*?(?:\n[^\S\n]*\n|$(?![\s\S]))/gm, "\n"));
  const entries: NetrcEntry[] = [];
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i]!;
    if (word === "machine") {
      i += 1;
      entries.push({ machine: words[i]?.toLowerCase() ?? "", login: "", password: "" });
    } else if (word === "default") entries.push({ machine: undefined, login: "", password: "" });
    else if (word === "login" || word === "password" || word === "account") {
      i += 1;
      const entry = entries.at(-1);
      if (entry && word !== "account") entry[word] = words[i] ?? "";
    }
  }
  return entries;
}

/** Words, quoted ones without their quotes; `#` begins a comment at the start of a line or after a space, as curl reads it. */
function tokens(text: string): string[] {
  const words: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    for (const match of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
      const [, quoted, plain] = match;
      // A password may begin with `#`.
      if (plain?.startsWith("#") && words.at(-1) !== "password") break;
      words.push(quoted === undefined ? plain! : quoted.replace(/\\(.)/g, "$1"));
    }
  }
  return words;
}

/** The first entry of the host, else `default`, percent-encoded. */
export function findNetrc(entries: readonly NetrcEntry[], host: string): UrlAuth | undefined {
  const found =
    entries.find((entry) => entry.machine === host.toLowerCase()) ??
    entries.find((entry) => entry.machine === undefined);
  if (!found || (found.login === "" && found.password === "")) return undefined;
  return { user: encodeURIComponent(found.login), password: encodeURIComponent(found.password) };
}
