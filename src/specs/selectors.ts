import { platformArch, platformOs } from "./platform.ts";

/**
 * Line selectors of environment files (CEP 24): `# [linux and not arm64]` comments (conda-lock's dialect) and
 * `sel(unix): spec` entries (micromamba's). Variables are those of conda-build's documentation that speak of the target.
 */
const VARIABLES: Readonly<Record<string, (os: string, arch: string) => boolean>> = {
  linux: (os) => os === "linux",
  osx: (os) => os === "osx",
  win: (os) => os === "win",
  unix: (os) => ["linux", "osx", "freebsd", "emscripten", "zos"].includes(os),
  freebsd: (os) => os === "freebsd",
  emscripten: (os) => os === "emscripten",
  wasi: (os) => os === "wasi",
  linux32: (os, arch) => os === "linux" && arch === "32",
  linux64: (os, arch) => os === "linux" && arch === "64",
  osx64: (os, arch) => os === "osx" && arch === "64",
  win32: (os, arch) => os === "win" && arch === "32",
  win64: (os, arch) => os === "win" && arch === "64",
  x86: (_, arch) => arch === "32" || arch === "64",
  x86_64: (_, arch) => arch === "64",
  x64: (_, arch) => arch === "64",
  arm64: (_, arch) => arch === "arm64" || arch === "aarch64",
  aarch64: (_, arch) => arch === "aarch64",
  armv6l: (_, arch) => arch === "armv6l",
  armv7l: (_, arch) => arch === "armv7l",
  ppc64le: (_, arch) => arch === "ppc64le",
  s390x: (_, arch) => arch === "s390x",
  riscv64: (_, arch) => arch === "riscv64",
  wasm32: (_, arch) => arch === "wasm32",
};

/** Nobody writes more; deeper nesting would only exhaust the stack. */
const MAX_LENGTH = 500;

/**
 * Evaluates a selector expression for a platform: variables, `and`, `or`, `not`, parentheses, and whole platform names
 * (`linux-64`). Undefined when the text is no such expression: an ordinary comment in brackets, or conda-build's `py>=3`.
 */
export function evaluateSelector(expression: string, platform: string): boolean | undefined {
  const tokens = expression.length > MAX_LENGTH ? null : expression.match(/[()]|[\w.-]+|\S/g);
  if (!tokens) return undefined;
  let at = 0;
  const os = platformOs(platform);
  const arch = platformArch(platform);

  // Both operands are always parsed: an unknown variable must be found wherever it stands.
  const either = (): boolean | undefined => {
    let value = both();
    while (value !== undefined && tokens[at] === "or") {
      at++;
      const right = both();
      value = right === undefined ? undefined : value || right;
    }
    return value;
  };
  const both = (): boolean | undefined => {
    let value = single();
    while (value !== undefined && tokens[at] === "and") {
      at++;
      const right = single();
      value = right === undefined ? undefined : value && right;
    }
    return value;
  };
  const single = (): boolean | undefined => {
    const token = tokens[at++];
    if (token === undefined) return undefined;
    if (token === "not") {
      const value = single();
      return value === undefined ? undefined : !value;
    }
    if (token === "(") {
      const value = either();
      return tokens[at++] === ")" ? value : undefined;
    }
    if (Object.hasOwn(VARIABLES, token)) return VARIABLES[token]?.(os, arch);
    return /^[a-z0-9]+-[a-z0-9]+$/.test(token) ? token === platform : undefined;
  };

  const value = either();
  return at === tokens.length ? value : undefined;
}

export interface SelectedText {
  /** The text with the lines that do not apply emptied: line numbers stay. */
  text: string;
  /** Lines (1-based) whose bracketed comment looked like a selector but has an unknown variable; they are kept. */
  unknown: { line: number; expression: string }[];
}

/** Applies `# [expression]` comments at line ends. A comment in brackets that is no expression is a comment. */
export function applyCommentSelectors(text: string, platform: string): SelectedText {
  const unknown: SelectedText["unknown"] = [];
  if (!text.includes("[")) return { text, unknown };
  const lines = text.split("\n").map((line, index) => {
    const comment = /^(.*?\S)\s+#\s*\[([^[\]]*)\]\s*$/.exec(line);
    if (!comment || comment[1]?.startsWith("#")) return line;
    const value = evaluateSelector(comment[2] ?? "", platform);
    if (value === undefined && /\b(?:py|np|vc|win|linux|osx|unix)\w*\b/.test(comment[2] ?? "")) {
      unknown.push({ line: index + 1, expression: comment[2] ?? "" });
    }
    return value === false ? (line.endsWith("\r") ? "\r" : "") : line;
  });
  return { text: lines.join("\n"), unknown };
}
