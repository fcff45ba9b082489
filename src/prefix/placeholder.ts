import { ToolError } from "../errors.ts";
import { shebangLimit } from "../plan/entry-points.ts";

/** Replaces every occurrence of the bytes of `from`. The same buffer when there is none. */
export function replaceBytes(data: Buffer, from: Buffer, to: Buffer): Buffer {
  let at = data.indexOf(from);
  if (at < 0) return data;
  const parts: Buffer[] = [];
  let start = 0;
  while (at >= 0) {
    parts.push(data.subarray(start, at), to);
    start = at + from.length;
    at = data.indexOf(from, start);
  }
  parts.push(data.subarray(start));
  return Buffer.concat(parts);
}

/**
 * A first line as the kernel can take it: when the line is longer than the platform allows, or the interpreter's path has a blank,
 * it becomes `#!/usr/bin/env NAME ARGS`, as conda and micromamba write it. `\ ` inside the path is part of it.
 */
export function replaceShebang(line: string, placeholder: string, prefix: string, platform: string): string {
  const replaced = placeholder === "" ? line : line.split(placeholder).join(prefix);
  const match = /^#! *(\/(?:\\ |[^ \n\r\t])*)(.*)$/s.exec(line);
  if (!match) return replaced;
  const [, interpreter = "", args = ""] = match;
  const blank = placeholder !== "" && interpreter.includes(placeholder) && /\s/.test(prefix);
  if (!blank && Buffer.byteLength(replaced) <= shebangLimit(platform)) return replaced;
  const target = placeholder === "" ? interpreter : interpreter.split(placeholder).join(prefix);
  const restArgs = placeholder === "" ? args : args.split(placeholder).join(prefix);
  return `#!/usr/bin/env ${target.slice(target.lastIndexOf("/") + 1)}${restArgs}`;
}

/** What the placeholder of a text becomes: on Windows the prefix is written with forward slashes. */
export function textPrefix(prefix: string, platform: string): Buffer {
  return Buffer.from(platform.startsWith("win-") ? prefix.replace(/\\/g, "/") : prefix);
}

/** Length of a first line that must work as a shebang, without its newline; 0 when there is none, and on Windows, where nothing reads it. */
function shebangLineLength(data: Buffer, platform: string): number {
  if (platform.startsWith("win-") || data[0] !== 0x23 || data[1] !== 0x21) return 0;
  const newline = data.indexOf(0x0a);
  return newline < 0 ? data.length : newline;
}

/** A first line without its newline, with the prefix in it or by way of env. latin1 keeps every byte as it is, whatever its encoding. */
export function replaceShebangLine(
  bytes: Buffer,
  placeholder: string,
  prefix: string,
  platform: string,
): Buffer {
  const latin = (text: string): string => Buffer.from(text).toString("latin1");
  const line = bytes.toString("latin1");
  const cr = line.endsWith("\r") ? "\r" : "";
  const shebang = replaceShebang(
    line.slice(0, line.length - cr.length),
    latin(placeholder),
    latin(prefix),
    platform,
  );
  return Buffer.from(shebang + cr, "latin1");
}

/** Text mode: every occurrence, and on Unix a first line that still works. */
export function replaceText(data: Buffer, placeholder: string, prefix: string, platform: string): Buffer {
  const to = textPrefix(prefix, platform);
  const from = Buffer.from(placeholder);
  const end = shebangLineLength(data, platform);
  if (end === 0) return replaceBytes(data, from, to);
  return Buffer.concat([
    replaceShebangLine(data.subarray(0, end), placeholder, prefix, platform),
    replaceBytes(data.subarray(end), from, to),
  ]);
}

/** Throws when a prefix does not fit where the placeholder of a binary is. */
export function checkFits(from: Buffer, to: Buffer, what: string): void {
  if (to.length <= from.length) return;
  throw new ToolError(
    "io-error",
    `the prefix \`${to}\` is too long for \`${what}\`: ${to.length} bytes where it has room for ${from.length}`,
    {
      hint: "choose a shorter path for the environment",
      details: { prefixBytes: to.length, limit: from.length },
    },
  );
}

/**
 * Binary mode: within each C string that holds the placeholder, every occurrence is replaced and the string padded with NULs to its
 * old length, so that no offset of the file moves. A string that ends with the file is padded at its end. Works on a copy.
 * Throws when the prefix is longer than the placeholder.
 */
export function replaceBinary(data: Buffer, placeholder: string, prefix: string, what: string): Buffer {
  const from = Buffer.from(placeholder);
  const to = Buffer.from(prefix);
  let at = data.indexOf(from);
  if (at < 0) return data;
  checkFits(from, to, what);
  const out = Buffer.from(data);
  while (at >= 0) {
    const nul = data.indexOf(0, at);
    const end = nul < 0 ? data.length : nul;
    const text = replaceBytes(data.subarray(at, end), from, to);
    text.copy(out, at);
    out.fill(0, at + text.length, end);
    at = end < data.length ? data.indexOf(from, end) : -1;
  }
  return out;
}

/** Replaces the placeholder of a file as its paths.json entry says. */
export function replacePrefix(
  data: Buffer,
  entry: { prefix_placeholder: string; file_mode?: "text" | "binary" | undefined; _path: string },
  prefix: string,
  platform: string,
): Buffer {
  if (entry.prefix_placeholder === "") return data;
  if (entry.file_mode !== "binary") return replaceText(data, entry.prefix_placeholder, prefix, platform);
  // Windows binaries find their files relative to themselves; conda leaves them alone, too.
  if (platform.startsWith("win-")) return data;
  return replaceBinary(data, entry.prefix_placeholder, prefix, entry._path);
}
