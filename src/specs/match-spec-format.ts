import type { MatchSpec } from "./match-spec.ts";
import { formatCondition } from "./match-spec-condition.ts";
import type { StringMatcher } from "./string-matcher.ts";
import { exactVersion, formatVersionSpec } from "./version-spec.ts";

/**
 * The canonical text (CEP 29, appendix A): `channel/subdir::name==1.0=build`, `name=1.0`, everything else in brackets with
 * quoted values. An archive is its URL or path. Parsing it again gives a spec with the same canonical text.
 */
export function formatMatchSpec(spec: MatchSpec): string {
  if (spec.archive)
    return `${spec.url}${spec.sha256 === undefined ? (spec.md5 === undefined ? "" : `#${spec.md5}`) : `#sha256:${spec.sha256}`}`;
  const keys: [string, string][] = [];
  const add = (key: string, value: string | undefined) => {
    if (value !== undefined) keys.push([key, value]);
  };
  const { prefix, channel, subdir } = formatOrigin(spec);
  const { suffix, version, build } = formatVersionAndBuild(spec);
  add("channel", channel);
  add("subdir", subdir);
  add("version", version);
  add("build", build);
  add("build_number", spec.buildNumber && formatNumberSpec(spec.buildNumber));
  add("url", spec.url);
  add("fn", spec.url === undefined || !spec.url.endsWith(`/${spec.fn}`) ? spec.fn : undefined);
  add("md5", spec.md5);
  add("sha256", spec.sha256);
  add("license", spec.license && matcherText(spec.license));
  add("license_family", spec.licenseFamily && matcherText(spec.licenseFamily));
  add("features", spec.features && matcherText(spec.features));
  add("track_features", spec.trackFeatures?.join(","));
  for (const [field, matcher] of Object.entries(spec.plain ?? {})) add(field, matcherText(matcher));
  add("optional", spec.optional === undefined ? undefined : String(spec.optional));
  add("target", spec.target);
  add("when", spec.when && formatCondition(spec.when, formatMatchSpec));
  const lists = [
    formatList("extras", spec.extras),
    formatList(
      "flags",
      spec.flags?.map(({ source }) => source),
    ),
  ];
  const inside = [
    ...keys.map(([key, value]) => `${key}=${quote(value)}`),
    ...lists.filter((list) => list !== ""),
  ];
  return `${prefix}${formatName(spec)}${suffix}${inside.length === 0 ? "" : `[${inside.join(",")}]`}`;
}

/** The form of environment files: `name=version=build` without channel; parts that are not exact are left out. */
export function formatExportSpec(spec: MatchSpec): string {
  const version = exactVersion(spec.version);
  if (version === undefined)
    return spec.version === undefined
      ? formatName(spec)
      : `${formatName(spec)}${positionalVersion(formatVersionSpec(spec.version))}`;
  return spec.build?.kind === "exact"
    ? `${formatName(spec)}=${version.text}=${spec.build.source}`
    : `${formatName(spec)}=${version.text}`;
}

function formatName(spec: MatchSpec): string {
  return spec.name ?? (spec.nameMatcher === undefined ? "*" : matcherText(spec.nameMatcher));
}

function formatOrigin({ channel, subdir }: MatchSpec): {
  prefix: string;
  channel?: string | undefined;
  subdir?: string | undefined;
} {
  if (channel === undefined) return { prefix: "", subdir };
  if (channel.includes("*") || /[\s[\]#'"]|\.(?:conda|tar\.bz2)$/.test(channel))
    return { prefix: "", channel, subdir };
  if (subdir === undefined || /[*,^]/.test(subdir)) return { prefix: `${channel}::`, subdir };
  return { prefix: `${channel}/${subdir}::` };
}

function formatVersionAndBuild({ version, build }: MatchSpec): {
  suffix: string;
  version?: string | undefined;
  build?: string | undefined;
} {
  const buildText = build && matcherText(build);
  if (version === undefined) return { suffix: "", build: buildText };
  const text = formatVersionSpec(version);
  if (version.kind === "equal") {
    return build?.kind === "exact" && /^[A-Za-z0-9_.+]+$/.test(build.value)
      ? { suffix: `${text}=${buildText}` }
      : { suffix: text, build: buildText };
  }
  if (version.kind === "fuzzy") return { suffix: text, build: buildText };
  return { suffix: "", version: text, build: buildText };
}

/** Environment files write `name[version='>=1']` as `name>=1`; a leading glob needs its space. */
function positionalVersion(text: string): string {
  return /^[=<>!~]/.test(text) ? text : ` ${text}`;
}

/** A bare number is the usual spelling of an exact build number. */
function formatNumberSpec(spec: NonNullable<MatchSpec["buildNumber"]>): string {
  return spec.kind === "equal" ? spec.version.text : formatVersionSpec(spec);
}

/** Globs and exact strings are case-insensitive and printed in lower case; regular expressions keep their escapes. */
function matcherText(matcher: StringMatcher): string {
  return matcher.kind === "regex" ? matcher.source : matcher.source.toLowerCase();
}

function formatList(key: string, items: readonly string[] | undefined): string {
  return items === undefined ? "" : `${key}=[${items.map(quote).join(",")}]`;
}

function quote(value: string): string {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
