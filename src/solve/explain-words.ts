import type { SolvableId, VersionSetId } from "../../solver/index.ts";
import { compareVersions } from "../specs/version.ts";
import type { RootItem } from "./explain-core.ts";
import type { CoreFacts } from "./explain-facts.ts";
import { describeVersions, joinWords } from "./explain-text.ts";

/** What the root says, as a sentence. */
export function describeItem(facts: CoreFacts, item: RootItem): string {
  const spec = `\`${facts.textOf(item.versionSet)}\``;
  const name = facts.nameOf(item.versionSet);
  switch (item.reason) {
    case "requested":
    case "pip":
      return `${spec} is requested`;
    case "pin":
      return `${spec} is pinned`;
    case "python-pin":
      return `${spec} is installed, and its minor version is kept`;
    case "frozen":
      return `${spec} is installed and frozen`;
    case "kept":
      return `\`${name}\` is installed and must stay`;
    case "virtual":
      return `${spec} is what this system has`;
    case "removed":
      return `${spec.replace(/ removed`$/, "`")} is to be removed`;
    case "no-downgrade":
      return `${spec} because downgrades are not allowed`;
  }
}

/** Ends a sentence about a version set without candidates. */
export function whyMissing(facts: CoreFacts, versionSet: VersionSetId): string {
  const { provider } = facts.prepared;
  const name = facts.nameOf(versionSet);
  const all = [...provider.namesOf(versionSet)].flatMap((id) => [...provider.candidates(id)]);
  if (name.startsWith("__")) {
    const own = all[0] === undefined ? undefined : provider.recordOf(all[0]);
    return own ? `but this system has ${own.name} ${own.version}` : "which this system does not have";
  }
  const leftOut = provider.namesOf(versionSet).map((id) => provider.leftOut.get(id));
  if (leftOut.some((out) => out && out.byPriority.length > 0)) return "which strict channel priority hides";
  if (leftOut.some((out) => out && out.byDate.length > 0)) return "of which all builds are too new";
  if (all.length === 0) return "which no channel has";
  const versions = all.map((id) => provider.recordOf(id).version).sort((a, b) => compareVersions(b, a));
  return `of which no channel has a match (there is ${describeVersions(versions)})`;
}

/** `every build of numpy 1.20 to 1.26`, `3 builds of numpy 1.20`. */
export function describeBuilds(
  facts: CoreFacts,
  name: string,
  ids: readonly SolvableId[],
  total: number,
): string {
  const text = `${name} ${describeCandidates(facts, ids)}`;
  if (ids.length === 1) return text;
  return ids.length === total ? `every build of ${text}` : `${ids.length} builds of ${text}`;
}

/** Versions of candidates; of one alone its build too. */
export function describeCandidates(facts: CoreFacts, ids: readonly SolvableId[]): string {
  const records = ids.map((id) => facts.prepared.provider.recordOf(id));
  const sorted = records.map(({ version }) => version).sort((a, b) => compareVersions(b, a));
  const versions = describeVersions(sorted);
  return records.length === 1 ? `${versions} ${records[0]!.build}`.trim() : versions;
}

/** Who else asks for the name of a version set, and does not agree with it: those above it, else anyone in the proof. */
export function describePartners(
  facts: CoreFacts,
  versionSet: VersionSetId,
  context: readonly VersionSetId[],
  plural = false,
): string | undefined {
  const item = facts.contradicted(versionSet, () => true);
  if (item) return `${plural ? "are" : "is"} ruled out: ${describeItem(facts, item)}`;
  const above = facts.disjointIn(versionSet, context);
  const conflicts = plural ? "conflict" : "conflicts";
  if (above.length > 0)
    return `${conflicts} with ${joinWords(
      above.map((id) => `\`${facts.textOf(id)}\``),
      "and",
      3,
    )}`;
  const owned = (verbs: readonly [string, string], owners: readonly SolvableId[]): string => {
    const { provider } = facts.prepared;
    const name = provider.nameOf(owners[0]!);
    const own = owners.filter((id) => provider.nameOf(id) === name);
    const others = new Set(owners.map((id) => provider.nameOf(id))).size - 1;
    const more = others === 0 ? "" : others === 1 ? " and another package" : ` and ${others} other packages`;
    const verb = owners.length > 1 ? verbs[1] : verbs[0];
    return `which ${provider.names[name]!} ${describeCandidates(facts, own)}${more} ${verb}`;
  };
  const byOwners = (map: ReadonlyMap<VersionSetId, readonly SolvableId[]>): VersionSetId[] =>
    facts.disjointIn(versionSet, map.keys()).sort((a, b) => map.get(b)!.length - map.get(a)!.length);
  const others = [
    ...byOwners(facts.owners).map(
      (id) => `\`${facts.textOf(id)}\`, ${owned(["needs", "need"], facts.owners.get(id)!)}`,
    ),
    ...byOwners(facts.constrainers).map(
      (id) => `\`${facts.textOf(id)}\`, ${owned(["allows", "allow"], facts.constrainers.get(id)!)}`,
    ),
  ];
  return others.length === 0 ? undefined : `${conflicts} with ${joinWords(others, "and", 3)}`;
}
