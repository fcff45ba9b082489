import { ToolError } from "../errors.ts";
import { formatVersionParts, parseVersion, type Version, type VersionSegment } from "./version.ts";

/** Which segment to raise: by name, or by index from 0 (negative counts from the end). */
export type VersionBump = "major" | "minor" | "patch" | "last" | number;

/**
 * The next version at a segment, as recipe tools compute it: the number goes up by one, letters of that segment restart at `a`
 * (a minor segment keeps them). The named bumps set the numbers after it to 0; an index leaves them. Missing segments are 0.
 */
export function bumpVersion(version: Version | string, bump: VersionBump): string {
  const { epoch, segments, local } = typeof version === "string" ? parseVersion(version) : version;
  const index = bumpIndex(bump, segments.length);
  const next = Array.from({ length: Math.max(segments.length, index + 1) }, (_, i) => segments[i] ?? [0]);
  next[index] = raise(next[index] as VersionSegment, bump !== "minor");
  const named = typeof bump === "string" && bump !== "last";
  const result = next.map((segment, i) =>
    named && i > index
      ? segment.map((part) => (typeof part === "number" && Number.isFinite(part) ? 0 : part))
      : segment,
  );
  return formatVersionParts(epoch, result, local);
}

/** As `bumpVersion` by index, with `.0a0` appended when the result has no letters: an upper bound that excludes pre-releases. */
export function bumpVersionWithAlpha(version: Version | string, index: number): string {
  const bumped = parseVersion(bumpVersion(version, index));
  const hasLetters = bumped.segments.some((segment) => segment.some((part) => typeof part === "string"));
  return hasLetters
    ? bumped.text
    : formatVersionParts(bumped.epoch, [...bumped.segments, [0, "a", 0]], bumped.local);
}

export function stripLocalVersion(version: Version | string): string {
  const { epoch, segments } = typeof version === "string" ? parseVersion(version) : version;
  return formatVersionParts(epoch, segments, []);
}

/** At least `length` segments, filled with 0. */
export function extendVersion(version: Version | string, length: number): string {
  const { epoch, segments, local } = typeof version === "string" ? parseVersion(version) : version;
  const main = Array.from({ length: Math.max(length, segments.length) }, (_, i) => segments[i] ?? [0]);
  return formatVersionParts(epoch, main, local);
}

function bumpIndex(bump: VersionBump, length: number): number {
  if (bump === "last") return length - 1;
  if (typeof bump === "string") return { major: 0, minor: 1, patch: 2 }[bump];
  const index = bump < 0 ? length + bump : bump;
  if (!Number.isInteger(index) || index < 0 || index > 64) {
    throw new ToolError("usage", `segment ${bump} does not exist in a version of ${length} segments`);
  }
  return index;
}

function raise(segment: VersionSegment, resetLetters: boolean): VersionSegment {
  const last = segment.findLastIndex((part) => typeof part === "number" && Number.isFinite(part));
  return segment.map((part, i) => {
    if (i === last && typeof part === "number") return part + 1;
    return resetLetters && typeof part === "string" ? "a" : part;
  });
}
