import type { SolvableId, VersionSetId } from "../../solver/index.ts";
import type { RootItem } from "./explain-core.ts";
import type { CoreFacts } from "./explain-facts.ts";

/** Why one candidate cannot be had. */
export type Reason =
  /** A dependency that nothing provides. */
  | { readonly kind: "missing"; readonly versionSet: VersionSetId }
  /** A dependency that contradicts what the root says of the same name. */
  | { readonly kind: "against-root"; readonly versionSet: VersionSetId; readonly item: RootItem }
  /** Its own constraint contradicts what the root asks for. */
  | { readonly kind: "constrains"; readonly versionSet: VersionSetId; readonly item: RootItem }
  /** What it needs needs (and so on) something that fails in the same way for all candidates. */
  | {
      readonly kind: "via";
      readonly through: readonly string[];
      readonly base: AtOnce;
      readonly versionSets: readonly VersionSetId[];
    }
  /** It is not what the root says of its own name. */
  | { readonly kind: "excluded"; readonly item: RootItem }
  | { readonly kind: "unreadable"; readonly text: string }
  /** Its dependencies fail further down. */
  | { readonly kind: "deep"; readonly versionSets: readonly VersionSetId[] }
  | { readonly kind: "unknown" };

type AtOnce = Extract<Reason, { kind: "missing" | "against-root" | "constrains" }>;

/** Candidates that fail for one reason. */
export interface Group {
  readonly reason: Reason;
  readonly ids: SolvableId[];
  /** The version sets that fail. */
  readonly versionSets: Set<VersionSetId>;
  /** Names between the candidates and those version sets. */
  readonly through: Set<string>;
}

/** Of more candidates than this, one and the same reason is not looked for. */
const MAX_VIA = 400;

/** Finds why candidates cannot be had. */
export class Reasons {
  private readonly viaCache = new Map<VersionSetId, Reason | undefined>();

  constructor(private readonly facts: CoreFacts) {}

  /** Candidates by their reasons, in the order of the first of each. */
  group(ids: readonly SolvableId[]): Group[] {
    const groups = new Map<string, Group>();
    for (const id of ids) {
      const reason = this.of(id);
      const key = this.keyOf(reason);
      let group = groups.get(key);
      if (!group) {
        group = { reason, ids: [], versionSets: new Set(), through: new Set() };
        groups.set(key, group);
      }
      group.ids.push(id);
      if ("versionSet" in reason) group.versionSets.add(reason.versionSet);
      if (reason.kind !== "via") continue;
      for (const versionSet of reason.versionSets) group.versionSets.add(versionSet);
      for (const name of reason.through) group.through.add(name);
    }
    return [...groups.values()];
  }

  /** The shortest reason that can be found: something of the candidate that fails at once, else what fails further down. */
  of(id: SolvableId): Reason {
    const { provider } = this.facts.prepared;
    const unreadable = provider.unreadable.get(id);
    if (unreadable !== undefined) return { kind: "unreadable", text: unreadable };
    const proven = this.facts.requires.get(id) ?? [];
    const dependencies = provider.dependencies(id);
    const all = dependencies.requirements.filter((r) => !r.conditions).map((r) => r.versionSet);
    for (const versionSet of [...proven, ...all]) {
      const reason = this.failsAtOnce(versionSet);
      if (reason) return reason;
    }
    for (const versionSet of dependencies.constraints) {
      const item = this.facts.contradicted(versionSet, (other) => other.kind === "requirement");
      if (item) return { kind: "constrains", versionSet, item };
    }
    const name = provider.nameOf(id);
    const excluding = this.facts.minimal.items.find(
      ({ versionSet }) =>
        provider.namesOf(versionSet).includes(name) && !provider.matching(versionSet).includes(id),
    );
    if (excluding) return { kind: "excluded", item: excluding };
    for (const versionSet of proven) {
      const reason = this.failsThrough(versionSet);
      if (reason) return reason;
    }
    return proven.length > 0 ? { kind: "deep", versionSets: proven } : { kind: "unknown" };
  }

  /** When all candidates of a version set fail for one and the same reason, that is why it fails. */
  private failsThrough(versionSet: VersionSetId): Reason | undefined {
    if (this.viaCache.has(versionSet)) return this.viaCache.get(versionSet);
    this.viaCache.set(versionSet, undefined);
    const ids = this.facts.matching(versionSet);
    const reasons = ids.length > MAX_VIA ? [] : ids.map((id) => this.of(id));
    const keys = new Set(reasons.map((reason) => this.keyOf(reason)));
    const first = reasons.find((reason) => "versionSet" in reason || reason.kind === "via");
    if (keys.size !== 1 || !first || !("versionSet" in first || first.kind === "via")) return undefined;
    const through = new Set([this.facts.nameOf(versionSet)]);
    const versionSets = new Set<VersionSetId>();
    for (const reason of reasons) {
      if (reason.kind === "via") {
        for (const name of reason.through) through.add(name);
        for (const id of reason.versionSets) versionSets.add(id);
      } else if ("versionSet" in reason) versionSets.add(reason.versionSet);
    }
    const base = first.kind === "via" ? first.base : first;
    const result: Reason = { kind: "via", through: [...through], base, versionSets: [...versionSets] };
    this.viaCache.set(versionSet, result);
    return result;
  }

  private failsAtOnce(versionSet: VersionSetId): Reason | undefined {
    if (this.facts.matching(versionSet).length === 0) return { kind: "missing", versionSet };
    const item = this.facts.contradicted(versionSet, () => true);
    return item && { kind: "against-root", versionSet, item };
  }

  private keyOf(reason: Reason): string {
    switch (reason.kind) {
      case "missing":
        return `missing ${this.facts.nameOf(reason.versionSet)}`;
      case "against-root":
      case "constrains":
        return `against ${reason.item.versionSet}`;
      case "via":
        return this.keyOf(reason.base);
      case "excluded":
        return `excluded ${reason.item.versionSet}`;
      case "unreadable":
        return `unreadable ${reason.text}`;
      case "deep":
        return `deep ${reason.versionSets
          .map((id) => this.facts.textOf(id))
          .sort()
          .join(", ")}`;
      case "unknown":
        return "unknown";
    }
  }
}
