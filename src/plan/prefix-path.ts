import { ToolError } from "../errors.ts";

/**
 * Why a path may not be created in or deleted from a prefix, or undefined when it may: paths are relative, with forward slashes,
 * without `.`, `..` and empty parts, drive letters, alternate streams and NUL. Every path of a package, of an entry point and of a
 * conda-meta record goes through here before any I/O (uninstall lists were an attack too: GHSA-pjjw-68hj-v9mw).
 */
export function prefixPathProblem(path: string): string | undefined {
  if (path === "") return "it is empty";
  if (path.length > 4096) return "it is longer than 4096 characters";
  if (path.includes("\0")) return "it contains a NUL";
  if (path.startsWith("/") || path.startsWith("\\") || /^[A-Za-z]:/.test(path)) return "it is absolute";
  // The common case costs one scan: no dot part can exist without `/.`, a leading `.` or a doubled or final slash.
  if (path.includes("\\") && /(^|[\\/])\.\.([\\/]|$)/.test(path)) return "it leaves its directory";
  if (path.charCodeAt(0) === 46 || path.includes("/.") || path.includes("//") || path.endsWith("/")) {
    for (const part of path.split("/")) {
      if (part === "..") return "it leaves its directory";
      if (part === "." || part === "") return "it is not in normal form";
    }
  }
  return undefined;
}

/** Files of conda-meta that belong to the installer: a package that ships them could forge records or history. */
const RESERVED = /^conda-meta(\/(history|state|\.taipan.*|[^/]*\.json))?$/i;

/** Throws `archive-unsafe-path` unless a package may create the path below a prefix. */
export function checkPrefixPath(path: string, owner: string): void {
  const problem =
    prefixPathProblem(path) ?? (RESERVED.test(path) ? "it belongs to the installer" : undefined);
  if (problem) {
    throw new ToolError(
      "archive-unsafe-path",
      `package \`${owner}\` may not create \`${path.slice(0, 200)}\`: ${problem}`,
      {
        hint: "nothing was installed; report the package to its channel",
        details: { package: owner, path: path.slice(0, 500) },
      },
    );
  }
}
