/*
 * What the writer of a text that is no match spec probably meant. Every rewrite is tried only after parsing has failed, and is
 * suggested only when its result parses: a guess is never acted upon.
 */

const MAX_LENGTH = 300;

/** Slips in the order in which they are mended; later ones see what earlier ones have mended. */
const REWRITES: readonly ((text: string) => string)[] = [
  (text) => text.replace(/^(["'])(.*)\1$/, "$2"),
  (text) =>
    text
      .replaceAll("≥", ">=")
      .replaceAll("≤", "<=")
      .replaceAll("≠", "!=")
      .replace(/[“”‘’]/g, ""),
  (text) => text.replace(/[–—]/g, "-"),
  (text) => text.replace(/=([<>])(?!=)/g, "$1="),
  (text) => text.replace(/={3,}/g, "=="),
  (text) => text.replace(/~>|~(?!=)/g, "~="),
  (text) => text.replace(/^([\w.-]+)\s*@\s*(?=[\dv])/, "$1="),
  (text) =>
    text.replace(/^([\w.-]+)\s*\^\s*(\d+)([\w.]*)$/, (_, name, major, rest) => {
      return `${name}>=${major}${rest},<${Number(major) + 1}`;
    }),
  (text) => text.replace(/\s*(?:;|&&?|\band\b)\s*(?=[<>=!~])/g, ","),
  (text) => text.replace(/\s*(?:\|\||\bor\b)\s*(?=[<>=!~\d])/g, "|"),
  (text) =>
    text.replace(/([\w*])\s*(?=[<>]|[!~]=)/g, (match, before, at: number, whole: string) => {
      // Only between two clauses: the first operator follows the name.
      return /[<>=!~]/.test(whole.slice(0, at)) ? `${before},` : match;
    }),
  (text) => text.replace(/^([\w.-]+)==([\w.*]+)==?([\w.*]+)$/, "$1=$2=$3"),
  (text) => text.replace(/\.{2,}/g, "."),
  (text) => text.replace(/(\w)\.(?=$|[\s,|)\]'"<>=!~])/g, "$1"),
  (text) => text.replace(/[\s,|]+$/, ""),
];

/** One sentence for the hint of a parse error; undefined when nothing is better than the error itself. */
export function adviseOnSpec(text: string, parses: (text: string) => boolean): string | undefined {
  const trimmed = text.trim();
  if (trimmed.length > MAX_LENGTH) return undefined;
  if (/^(?:git|hg|svn|bzr)\+|^(?:https?|ssh):\/\//i.test(trimmed))
    return "the URL of a conda package ends in .conda or .tar.bz2; what pip installs goes under `pip:` in an environment file";
  if (/\.(?:ya?ml|txt|lock|json|toml)$/i.test(trimmed) || /^\.{0,2}\//.test(trimmed))
    return `to read a file, write \`-f ${trimmed}\``;
  if (/^[<>=!~]/.test(trimmed))
    return 'name and version are one argument, in quotes where the shell would read `<` or `>`: "numpy>=2"';
  let mended = trimmed;
  for (const rewrite of REWRITES) {
    const next = rewrite(mended);
    if (next === mended) continue;
    mended = next;
    if (parses(mended)) return `did you mean \`${mended}\`?`;
  }
  return undefined;
}
