import { parseError } from "../errors.ts";
import { isSubdirName } from "./names.ts";
import { trimTrailingSlashes } from "./slashes.ts";

/** `channel:namespace:rest`; both are optional, `channel::rest` is the usual form. */
export function splitChannelPart(positional: string): { channel?: string; namespace?: string; rest: string } {
  const last = positional.lastIndexOf(":");
  if (last < 0) return { rest: positional.trim() };
  const rest = positional.slice(last + 1).trim();
  const before = last === 0 ? -1 : positional.lastIndexOf(":", last - 1);
  const namespace = positional.slice(before + 1, last).trim();
  const channel = before < 0 ? "" : positional.slice(0, before).trim();
  return { rest, ...(namespace === "" ? {} : { namespace }), ...(channel === "" ? {} : { channel }) };
}

/**
 * Takes the platform directory out of a channel: `conda-forge/linux-64`, `conda-forge/linux-64/label/dev` and the historical
 * `conda-forge[linux-64,noarch]`. The first component is always the channel, whatever it looks like.
 */
export function splitChannelSubdir(text: string): { channel: string; subdir?: string } {
  const filter = /^([^[\]]+)\[([^[\]]+)\]$/.exec(text);
  if (filter)
    return {
      channel: trimTrailingSlashes(filter[1] as string),
      subdir: (filter[2] as string).replace(/\s+/g, "").replace(/[|;]/g, ","),
    };
  const parts = trimTrailingSlashes(text).split("/");
  const first = text.includes("://") ? 3 : 1;
  for (let i = parts.length - 1; i >= first; i--) {
    const subdir = parts[i] as string;
    if (isSubdirName(subdir)) return { channel: parts.toSpliced(i, 1).join("/"), subdir };
  }
  return { channel: parts.join("/") };
}

export interface NameVersionBuild {
  name: string;
  version?: string;
  build?: string;
  /** The version was written `name=1.8=build`: a plain literal means equality, without its `=`. */
  exact: boolean;
}

/** Splits the positional part. `source` is the whole spec, for messages. Throws `parse-error`. */
export function splitNameVersionBuild(text: string, source: string): NameVersionBuild {
  const regex = /^\^[^\s]*\$(?=$|\s)/.exec(text)?.[0];
  const name = regex ?? (/^[^\s=<>!~,|]*/.exec(text)?.[0] as string);
  if (name === "") {
    throw parseError("match spec", source, 0, "the package name is missing", "`*` stands for any package");
  }
  // Old records write `>=1 !164.3095`: spaces inside a version say nothing (CEP 29).
  const rest = text
    .slice(name.length)
    .trim()
    .replace(/(?<=[0-9])\s+!\s*(?=[0-9])/g, "!");
  if (rest === "" || rest === "=") return { name, exact: false };

  const split = splitBuild(rest);
  if (split === undefined) return { name, version: rest, exact: false };
  const { version, build, separator } = split;
  // `name=1.8=build` is equality, `name =1.8 build` is not (CEP 29).
  const literal = /^=\s*([^=\s].*)$/.exec(version)?.[1];
  return separator === "=" && literal !== undefined && !/[*|,]/.test(literal)
    ? { name, version: literal, build, exact: true }
    : { name, version, build, exact: false };
}

/**
 * The build is what follows the last space or `=`, unless an operator is before it or in it: `>= 1.0` and `>=1.0, <2` have none.
 */
function splitBuild(rest: string): { version: string; build: string; separator: "=" | " " } | undefined {
  const regex = /^(.*[^\s=!|,<>~])([\s=])\s*(\^\S*\$)$/.exec(rest);
  if (regex)
    return {
      version: (regex[1] as string).trimEnd(),
      build: regex[3] as string,
      separator: regex[2] === "=" ? "=" : " ",
    };
  let at = rest.length - 1;
  while (at >= 0 && rest[at] !== "=" && !/\s/.test(rest[at] as string)) at--;
  const build = rest.slice(at + 1);
  // `foo = 1.0 = 2`: a lone `=` before the build is its separator, whatever the spaces around it.
  const spaced = /^(.*[^\s=!|,<>~])\s*=\s*$/.exec(rest.slice(0, Math.max(at + 1, 0)));
  if (spaced && build !== "" && rest[at] !== "=" && !/[-=,|<>~()]/.test(build))
    return { version: spaced[1] as string, build, separator: "=" };
  const version = rest.slice(0, Math.max(at, 0)).trimEnd();
  if (at < 0 || build === "" || version === "" || /[-=,|<>~()]/.test(build) || /[=!|,<>~]$/.test(version))
    return undefined;
  return { version, build, separator: rest[at] === "=" ? "=" : " " };
}
