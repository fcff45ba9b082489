import type { SolvableId, VersionSetId } from "../../solver/index.ts";
import { compareVersions, parseVersion, type Version } from "../specs/version.ts";
import { joinWords } from "./explain-text.ts";
import { stringsOf } from "./provider.ts";
import type { Prepared } from "./request.ts";

/** `2.7 and 3.9 to 3.14`: python minors in runs of those that there are. */
export function describePythons(prepared: Prepared, minors: readonly string[], word = "and"): string {
  const { provider } = prepared;
  const all = [...provider.candidates(provider.nameId("python"))]
    .map((id) => minorOf(provider.recordOf(id).version))
    .sort((a, b) => compareVersions(a, b));
  const known = [...new Set(all)];
  const runs: string[][] = [];
  for (const [i, minor] of known.entries()) {
    if (!minors.includes(minor)) continue;
    const last = runs[runs.length - 1];
    if (last && last[last.length - 1] === known[i - 1]) last.push(minor);
    else runs.push([minor]);
  }
  const words = runs.flatMap((run) => (run.length > 2 ? [`${run[0]} to ${run[run.length - 1]}`] : run));
  return joinWords(words, word, 8);
}

/** Python minors that some of the version sets of python have; undefined when one of them is about another package. */
export function minorsOf(prepared: Prepared, versionSets: Iterable<VersionSetId>): string[] | undefined {
  const { provider } = prepared;
  const python = provider.nameId("python");
  const minors = new Set<string>();
  for (const versionSet of versionSets) {
    const names = provider.namesOf(versionSet);
    if (names.length !== 1 || names[0] !== python) return undefined;
    for (const id of provider.matching(versionSet)) minors.add(minorOf(provider.recordOf(id).version));
  }
  return [...minors];
}

function minorOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

/** Python minors that some build of a spec accepts, newest first; empty when it does not say. */
export function pythonsOf(prepared: Prepared, versionSet: VersionSetId): string[] {
  const { provider } = prepared;
  const minors = new Map<string, Version>();
  for (const id of provider.matching(versionSet)) {
    const accepted = ["python", "python_abi"].flatMap((name) => acceptedMinors(prepared, id, name));
    const [first, ...rest] = accepted;
    for (const minor of first ?? []) {
      if (rest.every((other) => other.has(minor))) minors.set(minor, parseVersion(minor));
    }
  }
  return [...minors].sort(([, a], [, b]) => compareVersions(b, a)).map(([minor]) => minor);
}

/** One set of `major.minor` for each dependency of a record on `name`. */
function acceptedMinors(prepared: Prepared, id: SolvableId, name: string): Set<string>[] {
  const { provider } = prepared;
  const wanted = provider.nameId(name);
  const sets: Set<string>[] = [];
  for (const text of stringsOf(provider.recordOf(id).depends)) {
    const parsed = provider.parseDependency(text);
    if (!parsed || provider.namesOf(parsed.versionSet)[0] !== wanted) continue;
    const matching = [...provider.matching(parsed.versionSet)];
    sets.push(
      new Set(matching.map((other) => provider.recordOf(other).version.split(".").slice(0, 2).join("."))),
    );
  }
  return sets;
}
