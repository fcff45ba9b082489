import type { MatchSpec } from "../specs/match-spec.ts";
import { matchSpecMatches } from "../specs/match-spec.ts";
import { stringMatches } from "../specs/string-matcher.ts";
import type { Version } from "../specs/version.ts";
import { versionSpecMatches } from "../specs/version-spec.ts";
import type { Candidate } from "./candidate-order.ts";

/** Keys that say nothing about the record, or that are judged here. */
const JUDGED = new Set([
  "name",
  "version",
  "build",
  "source",
  "when",
  "extras",
  "optional",
  "target",
  "namespace",
]);

/**
 * Appends the candidates (in order) that a spec matches. Candidates of one version follow each other, so the version part is
 * judged once for all of them; most specs have nothing else but a build string.
 */
export function matchingCandidates(
  spec: MatchSpec,
  ids: Int32Array,
  candidateOf: readonly Candidate[],
  into: number[],
): void {
  const plain = Object.entries(spec).every(([key, value]) => value === undefined || JUDGED.has(key));
  let version: Version | undefined;
  let matches = false;
  for (const id of ids) {
    const candidate = candidateOf[id]!;
    if (candidate.version !== version) {
      version = candidate.version;
      matches = spec.version === undefined || versionSpecMatches(spec.version, version);
    }
    if (!matches) continue;
    if (plain) {
      if (spec.build !== undefined && !stringMatches(spec.build, candidate.record.build)) continue;
    } else if (!matchSpecMatches(spec, candidate.record)) continue;
    into.push(id);
  }
}

/** Whether two lists of solvables have one in common. */
export function shareElement(a: Int32Array, b: Int32Array): boolean {
  const [few, many] = a.length < b.length ? [a, b] : [b, a];
  if (few.length * 8 < many.length) return few.some((id) => many.includes(id));
  const ids = new Set(few);
  return many.some((id) => ids.has(id));
}
