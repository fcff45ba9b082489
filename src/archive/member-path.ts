/** Judges member names of archives as strings, before any I/O. Pure. */
import { ToolError } from "../errors.ts";

export interface PathRules {
  /** Names must be safe on Windows, too: no drives, streams, devices, backslashes. */
  windows: boolean;
}

/** Longest path (bytes) and longest name (bytes) that Linux takes. */
const MAX_PATH = 4000;
const MAX_NAME = 255;

const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i;

export function unsafePath(path: string, reason: string): ToolError {
  const shown = JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path).slice(1, -1);
  return new ToolError("archive-unsafe-path", `unsafe archive member \`${shown}\`: ${reason}`, {
    details: { path: shown },
  });
}

/**
 * The path relative to the package root in its only spelling (`a/b`), or "" for the root itself.
 * Throws `archive-unsafe-path` for whatever could name something outside it.
 */
export function checkMemberPath(name: string, rules: PathRules): string {
  // Most names are short ASCII without oddities: one look is enough.
  if (name.length <= 200 && !rules.windows && PLAIN.test(name)) return name;
  if (name.length === 0) throw unsafePath(name, "it is empty");
  if (name.includes("\0")) throw unsafePath(name, "it has a NUL character");
  if (/[\u0001-\u001f\u007f]/.test(name)) throw unsafePath(name, "it has control characters");
  if (name[0] === "/" || name[0] === "\\") throw unsafePath(name, "it is an absolute path");
  if (/^[A-Za-z]:/.test(name) && (rules.windows || /^[A-Za-z]:($|[/\\])/.test(name)))
    throw unsafePath(name, "it names a drive");
  if (Buffer.byteLength(name) > MAX_PATH) throw unsafePath(name, `it is longer than ${MAX_PATH} bytes`);
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    checkPart(name, part, rules);
    parts.push(part);
  }
  return parts.join("/");
}

/** Parts of letters, digits and `_-+` with single inner dots or one leading: nothing in there can be `.`, `..` or empty. */
const PLAIN = /^(?:\.?[\w+-]+(?:\.[\w+-]+)*\/)*\.?[\w+-]+(?:\.[\w+-]+)*$/;

function checkPart(name: string, part: string, rules: PathRules): void {
  if (part.split("\\").includes("..")) throw unsafePath(name, "it climbs out with `..`");
  if (part.length > 60 && Buffer.byteLength(part) > MAX_NAME)
    throw unsafePath(name, `a name in it is longer than ${MAX_NAME} bytes`);
  if (!rules.windows) return;
  if (part.includes("\\")) throw unsafePath(name, "it has a backslash");
  if (part.includes(":")) throw unsafePath(name, "it names a drive or an alternate data stream");
  if (/[<>"|?*]/.test(part)) throw unsafePath(name, "Windows does not allow its characters");
  if (DEVICE.test(part)) throw unsafePath(name, "it names a Windows device");
  if (/[. ]$/.test(part)) throw unsafePath(name, "a name in it ends with a dot or a space");
}

/** What two paths share when a file system ignores case and Unicode composition: `ß` is `ss` to APFS (CVE-2026-23950). */
export function foldPath(path: string): string {
  return path.normalize("NFD").toLowerCase().toUpperCase();
}

export type LinkPlace = "inside" | "external";

/**
 * Where a symbolic link at `path` leads, judged by its text. Absolute targets are external: real packages have them, they
 * are created and never followed. Relative ones must not climb above the package root.
 */
export function checkLinkTarget(path: string, target: string, rules: PathRules): LinkPlace {
  if (/[\u0000-\u001f\u007f]/.test(target)) throw unsafePath(path, "its link target has control characters");
  if (target.length > MAX_PATH) throw unsafePath(path, "its link target is too long");
  if (target[0] === "/") return "external";
  const backslash = rules.windows || target[0] === "\\" || target.split(/[\\/]/).includes("..");
  const normal = backslash ? target.replaceAll("\\", "/") : target;
  if (normal[0] === "/" || /^[A-Za-z]:(?:$|[/\\])/.test(normal)) return "external";
  // Where it leads depends on the directory that its reader is in on that drive.
  if (rules.windows && /^[A-Za-z]:/.test(normal)) throw leadsOut(path, target);
  let depth = path.split("/").length - 1;
  for (const part of normal.split("/")) {
    if (part === "" || part === ".") continue;
    depth += part === ".." ? -1 : 1;
    if (depth < 0) throw leadsOut(path, target);
  }
  return "inside";
}

export function leadsOut(path: string, target: string): ToolError {
  return unsafePath(path, `its link target \`${target}\` is outside the package`);
}
