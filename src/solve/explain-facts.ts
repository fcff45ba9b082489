import type { SolvableId, VersionSetId } from "../../solver/index.ts";
import type { MinimalCore, RootItem } from "./explain-core.ts";
import { joinWords, shortSpec } from "./explain-text.ts";
import { shareElement } from "./matching.ts";
import type { Prepared } from "./request.ts";

/** What a minimal core proves, asked by version set: who needs it, what is in it, what excludes it. */
export class CoreFacts {
  /** What candidates need, as far as the proof uses it. */
  readonly requires = new Map<SolvableId, VersionSetId[]>();
  readonly owners = new Map<VersionSetId, SolvableId[]>();
  readonly constrainers = new Map<VersionSetId, SolvableId[]>();
  private readonly disjoint = new Map<number, boolean>();
  private readonly matchingIds = new Map<VersionSetId, readonly SolvableId[]>();

  constructor(
    readonly prepared: Prepared,
    readonly minimal: MinimalCore,
  ) {
    for (const fact of minimal.core.facts) {
      if (fact.kind === "requires" && fact.from !== undefined) {
        push(this.requires, fact.from, fact.versionSet);
        push(this.owners, fact.versionSet, fact.from);
      } else if (fact.kind === "constrains" && fact.from !== undefined)
        push(this.constrainers, fact.versionSet, fact.from);
    }
  }

  matching(versionSet: VersionSetId): readonly SolvableId[] {
    let ids = this.matchingIds.get(versionSet);
    if (!ids) {
      ids = [...this.prepared.provider.matching(versionSet)];
      this.matchingIds.set(versionSet, ids);
    }
    return ids;
  }

  nameOf(versionSet: VersionSetId): string {
    const { provider } = this.prepared;
    return (
      joinWords(
        provider.namesOf(versionSet).map((id) => provider.names[id]!),
        "or",
        3,
      ) || this.textOf(versionSet)
    );
  }

  textOf(versionSet: VersionSetId): string {
    return shortSpec(this.prepared.provider.versionSets[versionSet]!.text);
  }

  /** An item of the root about the same name that shares no candidate with the version set. */
  contradicted(versionSet: VersionSetId, accepts: (item: RootItem) => boolean): RootItem | undefined {
    return this.minimal.items.find((item) => accepts(item) && this.areDisjoint(versionSet, item.versionSet));
  }

  disjointIn(versionSet: VersionSetId, others: Iterable<VersionSetId>): VersionSetId[] {
    return [...others].filter((other) => other !== versionSet && this.areDisjoint(versionSet, other));
  }

  /** Whether two version sets are about the same name and share no candidate. Asked over and over: of every record of a name. */
  areDisjoint(a: VersionSetId, b: VersionSetId): boolean {
    const { provider } = this.prepared;
    const names = provider.namesOf(a);
    if (!provider.namesOf(b).some((name) => names.includes(name))) return false;
    const key = Math.min(a, b) * 2 ** 26 + Math.max(a, b);
    let disjoint = this.disjoint.get(key);
    if (disjoint === undefined) {
      disjoint = !shareElement(provider.matching(a), provider.matching(b));
      this.disjoint.set(key, disjoint);
    }
    return disjoint;
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
