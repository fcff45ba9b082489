import type { SolvableId, VersionSetId } from "../../solver/index.ts";
import { compareVersions } from "../specs/version.ts";
import type { MinimalCore, RootItem } from "./explain-core.ts";
import { describeVersions, joinWords, shortSpec } from "./explain-text.ts";
import { shareElement } from "./matching.ts";
import { describePythons, minorsOf } from "./pythons.ts";
import type { Prepared } from "./request.ts";
import type { ConflictNode } from "./types.ts";

/** Why one candidate cannot be had. */
type Reason =
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

interface Group {
  readonly reason: Reason;
  readonly ids: SolvableId[];
  /** The version sets that fail. */
  readonly versionSets: Set<VersionSetId>;
  /** Names between the candidates and those version sets. */
  readonly through: Set<string>;
}

/** What is asked for above a node: a contradiction with it needs no other explanation. */
type Context = readonly VersionSetId[];

const MAX_DEPTH = 8;
const MAX_GROUPS = 6;
const MAX_VIA = 400;
/** Nodes of a tree: what a screen holds. Behind that, dependencies are named but no longer followed. */
const MAX_NODES = 24;
/** Groups below the first level: those of most builds say enough. */
const MAX_INNER_GROUPS = 3;

/** Builds the explanation of a minimal core: what each item of the root needs, down to where it contradicts another. */
export class ExplanationTree {
  private readonly requires = new Map<SolvableId, VersionSetId[]>();
  private readonly owners = new Map<VersionSetId, SolvableId[]>();
  private readonly constrainers = new Map<VersionSetId, SolvableId[]>();
  private readonly reported = new Set<VersionSetId>();
  private readonly disjoint = new Map<number, boolean>();
  private readonly matchingIds = new Map<VersionSetId, readonly SolvableId[]>();
  private nodes = 0;
  private readonly viaCache = new Map<VersionSetId, Reason | undefined>();

  constructor(
    private readonly prepared: Prepared,
    private readonly minimal: MinimalCore,
  ) {
    for (const fact of minimal.core.facts) {
      if (fact.kind === "requires" && fact.from !== undefined) {
        push(this.requires, fact.from, fact.versionSet);
        push(this.owners, fact.versionSet, fact.from);
      } else if (fact.kind === "constrains" && fact.from !== undefined)
        push(this.constrainers, fact.versionSet, fact.from);
    }
  }

  /** One node for each item: those with something to tell first, then those that are only contradicted. */
  roots(): ConflictNode[] {
    const silentItems = this.explainedByOthers();
    const telling = (item: RootItem): boolean =>
      item.kind === "requirement" && item.reason !== "virtual" && !silentItems.has(item);
    const nodes = this.minimal.items.map((item) => ({
      telling:
        telling(item) &&
        this.matching(item.versionSet).some(
          (id) => !["excluded", "unknown"].includes(this.reasonOf(id).kind),
        ),
      node: this.rootNode(item, telling(item)),
    }));
    const silent = nodes
      .filter((n) => !n.telling)
      .map(({ node }) => (nodes.length > 1 ? { ...node, children: [] } : node));
    return [...nodes.filter((n) => n.telling).map(({ node }) => node), ...silent];
  }

  /** Items that every candidate of another item contradicts: that one tells it all. */
  private explainedByOthers(): Set<RootItem> {
    const explained = new Set<RootItem>();
    for (const teller of this.minimal.items) {
      if (explained.has(teller) || teller.kind !== "requirement") continue;
      const reasons = this.matching(teller.versionSet).map((id) => this.reasonOf(id));
      const bases = new Set(
        reasons.map((reason) => {
          const base = reason.kind === "via" ? reason.base : reason;
          return "item" in base && base.kind !== "excluded" ? base.item : undefined;
        }),
      );
      const [only] = bases;
      if (bases.size === 1 && only !== undefined && only !== teller) explained.add(only);
    }
    return explained;
  }

  private rootNode(item: RootItem, telling: boolean): ConflictNode {
    const kinds = {
      pin: "pin",
      "python-pin": "pin",
      frozen: "installed",
      kept: "installed",
      virtual: "virtual",
    } as const;
    const kind = item.reason in kinds ? kinds[item.reason as keyof typeof kinds] : "requested";
    const children = telling ? this.explainSet(item.versionSet, 0, []) : [];
    const name = this.nameOf(item.versionSet);
    return { kind, name, spec: this.textOf(item.versionSet), text: this.describeItem(item), children };
  }

  /** What the root says, as a sentence. */
  private describeItem(item: RootItem): string {
    const spec = `\`${this.textOf(item.versionSet)}\``;
    const name = this.nameOf(item.versionSet);
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

  private explainSet(versionSet: VersionSetId, depth: number, context: Context): ConflictNode[] {
    const ids = this.matching(versionSet);
    if (ids.length === 0) return [this.missingNode(versionSet)];
    this.reported.add(versionSet);
    const groups = this.group(ids);
    const limit = depth === 0 ? MAX_GROUPS : MAX_INNER_GROUPS;
    this.nodes += Math.min(groups.length, limit);
    const nodes = groups
      .slice(0, limit)
      .map((group) => this.groupNode(group, ids.length, versionSet, depth, context));
    if (groups.length > limit) {
      const rest = groups.slice(limit).flatMap((group) => group.ids);
      const name = this.nameOf(versionSet);
      const text = `${name} ${this.describe(rest)}: the same happens further down`;
      nodes.push({ kind: "requires", name, text, children: [] });
    }
    return nodes;
  }

  private group(ids: readonly SolvableId[]): Group[] {
    const groups = new Map<string, Group>();
    for (const id of ids) {
      const reason = this.reasonOf(id);
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

  private keyOf(reason: Reason): string {
    switch (reason.kind) {
      case "missing":
        return `missing ${this.nameOf(reason.versionSet)}`;
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
          .map((id) => this.textOf(id))
          .sort()
          .join(", ")}`;
      case "unknown":
        return "unknown";
    }
  }

  /** The shortest reason that can be found: something of the candidate that fails at once, else what fails further down. */
  private reasonOf(id: SolvableId): Reason {
    const { provider } = this.prepared;
    const unreadable = provider.unreadable.get(id);
    if (unreadable !== undefined) return { kind: "unreadable", text: unreadable };
    const proven = this.requires.get(id) ?? [];
    const dependencies = provider.dependencies(id);
    const all = dependencies.requirements.filter((r) => !r.conditions).map((r) => r.versionSet);
    for (const versionSet of [...proven, ...all]) {
      const reason = this.failsAtOnce(versionSet);
      if (reason) return reason;
    }
    for (const versionSet of dependencies.constraints) {
      const item = this.contradicted(versionSet, (other) => other.kind === "requirement");
      if (item) return { kind: "constrains", versionSet, item };
    }
    const name = provider.nameOf(id);
    const excluding = this.minimal.items.find(
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
    const ids = this.matching(versionSet);
    const reasons = ids.length > MAX_VIA ? [] : ids.map((id) => this.reasonOf(id));
    const keys = new Set(reasons.map((reason) => this.keyOf(reason)));
    const first = reasons.find((reason) => "versionSet" in reason || reason.kind === "via");
    if (keys.size !== 1 || !first || !("versionSet" in first || first.kind === "via")) return undefined;
    const through = new Set([this.nameOf(versionSet)]);
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
    if (this.matching(versionSet).length === 0) return { kind: "missing", versionSet };
    const item = this.contradicted(versionSet, () => true);
    return item && { kind: "against-root", versionSet, item };
  }

  /** An item of the root about the same name that shares no candidate with the version set. */
  private contradicted(versionSet: VersionSetId, accepts: (item: RootItem) => boolean): RootItem | undefined {
    return this.minimal.items.find((item) => accepts(item) && this.areDisjoint(versionSet, item.versionSet));
  }

  private groupNode(
    group: Group,
    total: number,
    parent: VersionSetId,
    depth: number,
    context: Context,
  ): ConflictNode {
    const name = this.nameOf(parent);
    const versions = [...new Set(group.ids.map((id) => this.prepared.provider.recordOf(id).version))];
    const subject = this.subject(name, group.ids, total);
    const singular = group.ids.length === 1 || total === group.ids.length;
    const needs = singular ? "needs" : "need";
    const node = (kind: ConflictNode["kind"], text: string, children: ConflictNode[] = []): ConflictNode => ({
      kind,
      name,
      versions,
      text,
      children,
    });
    const { reason } = group;
    const base = reason.kind === "via" ? reason.base : reason;
    const specs = this.specsOf(group);
    switch (base.kind) {
      case "missing":
        return node("missing", `${subject} ${needs} ${specs}, ${this.whyMissing(base.versionSet)}`);
      case "against-root":
        return node("conflict", `${subject} ${needs} ${specs}, but ${this.describeItem(base.item)}`);
      case "constrains": {
        const verb = reason.kind === "via" ? needs : singular ? "allows only" : "allow only";
        return node("constrains", `${subject} ${verb} ${specs}, but ${this.describeItem(base.item)}`);
      }
      case "excluded":
        return node(
          "conflict",
          `${subject} ${singular ? "is" : "are"} ruled out: ${this.describeItem(base.item)}`,
        );
      case "unreadable":
        return node(
          "excluded",
          `${subject} ${singular ? "has" : "have"} a dependency that cannot be read: \`${base.text}\``,
        );
      case "deep":
        return node("requires", `${subject} ${needs}`, this.needNodes(base.versionSets, depth + 1, context));
      default:
        return node(
          "conflict",
          `${subject} ${this.partners(parent, context, !singular) ?? "cannot be installed with the others"}`,
        );
    }
  }

  private specsOf(group: Group): string {
    const texts = [...new Set([...group.versionSets].map((id) => `\`${this.textOf(id)}\``))];
    const minors = texts.length > 3 ? minorsOf(this.prepared, group.versionSets) : undefined;
    const specs = minors?.length
      ? `python ${describePythons(this.prepared, minors, "or")}`
      : joinWords(texts, "or");
    return group.through.size === 0 ? specs : `${specs} (through ${joinWords([...group.through], "and", 3)})`;
  }

  /** Dependencies that fail together: those that only contradict the others first, without a word, then the others. */
  private needNodes(versionSets: readonly VersionSetId[], depth: number, context: Context): ConflictNode[] {
    const plain = (id: VersionSetId): boolean =>
      this.matching(id).length > 0 &&
      this.group(this.matching(id)).every(({ reason }) => reason.kind === "unknown");
    const leaves = versionSets.filter(plain);
    const rest = versionSets.filter((id) => !plain(id));
    const inside = [...context, ...leaves];
    return [
      ...leaves.map((id, i) =>
        this.leafNode(id, [...context, ...leaves.slice(0, i)], versionSets.length > 1),
      ),
      ...rest.map((id) => this.needNode(id, depth, inside)),
    ];
  }

  private leafNode(versionSet: VersionSetId, context: Context, together: boolean): ConflictNode {
    const spec = this.textOf(versionSet);
    const inContext = this.disjointIn(versionSet, context);
    const partners = inContext.length > 0 || !together ? this.partners(versionSet, context) : undefined;
    const text = partners === undefined ? `\`${spec}\`` : `\`${spec}\`, which ${partners}`;
    return { kind: "conflict", name: this.nameOf(versionSet), spec, text, children: [] };
  }

  /** A dependency that fails further down. */
  private needNode(versionSet: VersionSetId, depth: number, context: Context): ConflictNode {
    const name = this.nameOf(versionSet);
    const spec = this.textOf(versionSet);
    const base = { kind: "requires" as const, name, spec };
    if (this.matching(versionSet).length === 0) return this.missingNode(versionSet);
    if (this.reported.has(versionSet)) return { ...base, text: `\`${spec}\`, as above`, children: [] };
    if (depth >= MAX_DEPTH || this.nodes >= MAX_NODES) return this.leafNode(versionSet, context, false);
    return { ...base, text: `\`${spec}\``, children: this.explainSet(versionSet, depth, context) };
  }

  private disjointIn(versionSet: VersionSetId, others: Iterable<VersionSetId>): VersionSetId[] {
    return [...others].filter((other) => other !== versionSet && this.areDisjoint(versionSet, other));
  }

  /** Whether two version sets are about the same name and share no candidate. Asked over and over: of every record of a name. */
  private areDisjoint(a: VersionSetId, b: VersionSetId): boolean {
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

  /** Who else asks for the name of a version set, and does not agree with it: those above it, else anyone in the proof. */
  private partners(versionSet: VersionSetId, context: Context, plural = false): string | undefined {
    const item = this.contradicted(versionSet, () => true);
    if (item) return `${plural ? "are" : "is"} ruled out: ${this.describeItem(item)}`;
    const above = this.disjointIn(versionSet, context);
    const conflicts = plural ? "conflict" : "conflicts";
    if (above.length > 0)
      return `${conflicts} with ${joinWords(
        above.map((id) => `\`${this.textOf(id)}\``),
        "and",
        3,
      )}`;
    const owned = (verbs: readonly [string, string], owners: readonly SolvableId[]): string => {
      const { provider } = this.prepared;
      const name = provider.nameOf(owners[0]!);
      const own = owners.filter((id) => provider.nameOf(id) === name);
      const others = new Set(owners.map((id) => provider.nameOf(id))).size - 1;
      const more =
        others === 0 ? "" : others === 1 ? " and another package" : ` and ${others} other packages`;
      const verb = owners.length > 1 ? verbs[1] : verbs[0];
      return `which ${provider.names[name]!} ${this.describe(own)}${more} ${verb}`;
    };
    const byOwners = (map: ReadonlyMap<VersionSetId, readonly SolvableId[]>): VersionSetId[] =>
      this.disjointIn(versionSet, map.keys()).sort((a, b) => map.get(b)!.length - map.get(a)!.length);
    const others = [
      ...byOwners(this.owners).map(
        (id) => `\`${this.textOf(id)}\`, ${owned(["needs", "need"], this.owners.get(id)!)}`,
      ),
      ...byOwners(this.constrainers).map(
        (id) => `\`${this.textOf(id)}\`, ${owned(["allows", "allow"], this.constrainers.get(id)!)}`,
      ),
    ];
    return others.length === 0 ? undefined : `${conflicts} with ${joinWords(others, "and", 3)}`;
  }

  private missingNode(versionSet: VersionSetId): ConflictNode {
    const spec = this.textOf(versionSet);
    const name = this.nameOf(versionSet);
    return { kind: "missing", name, spec, text: `\`${spec}\`, ${this.whyMissing(versionSet)}`, children: [] };
  }

  /** Ends a sentence about a version set without candidates. */
  whyMissing(versionSet: VersionSetId): string {
    const { provider } = this.prepared;
    const name = this.nameOf(versionSet);
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

  private subject(name: string, ids: readonly SolvableId[], total: number): string {
    const text = `${name} ${this.describe(ids)}`;
    if (ids.length === 1) return text;
    return ids.length === total ? `every build of ${text}` : `${ids.length} builds of ${text}`;
  }

  private describe(ids: readonly SolvableId[]): string {
    const records = ids.map((id) => this.prepared.provider.recordOf(id));
    const sorted = records.map(({ version }) => version).sort((a, b) => compareVersions(b, a));
    const versions = describeVersions(sorted);
    return records.length === 1 ? `${versions} ${records[0]!.build}`.trim() : versions;
  }

  private matching(versionSet: VersionSetId): readonly SolvableId[] {
    let ids = this.matchingIds.get(versionSet);
    if (!ids) {
      ids = [...this.prepared.provider.matching(versionSet)];
      this.matchingIds.set(versionSet, ids);
    }
    return ids;
  }

  private nameOf(versionSet: VersionSetId): string {
    const { provider } = this.prepared;
    return (
      joinWords(
        provider.namesOf(versionSet).map((id) => provider.names[id]!),
        "or",
        3,
      ) || this.textOf(versionSet)
    );
  }

  private textOf(versionSet: VersionSetId): string {
    return shortSpec(this.prepared.provider.versionSets[versionSet]!.text);
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
