import type { SolvableId, VersionSetId } from "../../solver/index.ts";
import type { MinimalCore, RootItem } from "./explain-core.ts";
import { describeVersions, joinWords, shortSpec } from "./explain-text.ts";
import { stringsOf } from "./provider.ts";
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
  /** It is not what the root says of its own name. */
  | { readonly kind: "excluded"; readonly item: RootItem }
  | { readonly kind: "unreadable"; readonly text: string }
  /** Its dependencies fail further down. */
  | { readonly kind: "deep"; readonly versionSets: readonly VersionSetId[] }
  | { readonly kind: "unknown" };

interface Group {
  readonly reason: Reason;
  readonly ids: SolvableId[];
  readonly versionSets: Set<VersionSetId>;
}

const MAX_DEPTH = 8;
const MAX_GROUPS = 6;

/** Builds the explanation of a minimal core: what each item of the root needs, down to where it contradicts another. */
export class ExplanationTree {
  private readonly requires = new Map<SolvableId, VersionSetId[]>();
  private readonly owners = new Map<VersionSetId, SolvableId[]>();
  private readonly constrainers = new Map<VersionSetId, SolvableId[]>();
  private readonly reported = new Set<VersionSetId>();

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
    const telling = (item: RootItem): boolean => item.kind === "requirement" && item.reason !== "virtual";
    const nodes = this.minimal.items.map((item) => ({
      telling:
        telling(item) && this.matching(item.versionSet).some((id) => this.reasonOf(id).kind !== "excluded"),
      node: this.rootNode(item, telling(item)),
    }));
    return [...nodes.filter((n) => n.telling), ...nodes.filter((n) => !n.telling)].map(({ node }) => node);
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
    const children = telling ? this.explainSet(item.versionSet, 0) : [];
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

  private explainSet(versionSet: VersionSetId, depth: number): ConflictNode[] {
    const ids = this.matching(versionSet);
    if (ids.length === 0) return [this.missingNode(versionSet)];
    this.reported.add(versionSet);
    const groups = this.group(ids);
    const nodes = groups
      .slice(0, MAX_GROUPS)
      .map((group) => this.groupNode(group, ids.length, versionSet, depth));
    if (groups.length > MAX_GROUPS) {
      const rest = groups.slice(MAX_GROUPS).flatMap((group) => group.ids);
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
        group = { reason, ids: [], versionSets: new Set() };
        groups.set(key, group);
      }
      group.ids.push(id);
      if ("versionSet" in reason) group.versionSets.add(reason.versionSet);
    }
    return [...groups.values()];
  }

  private keyOf(reason: Reason): string {
    switch (reason.kind) {
      case "missing":
        return `missing ${this.nameOf(reason.versionSet)}`;
      case "against-root":
      case "constrains":
        return `${reason.kind} ${this.nameOf(reason.versionSet)} ${reason.item.versionSet}`;
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
    return proven.length > 0 ? { kind: "deep", versionSets: proven } : { kind: "unknown" };
  }

  private failsAtOnce(versionSet: VersionSetId): Reason | undefined {
    if (this.matching(versionSet).length === 0) return { kind: "missing", versionSet };
    const item = this.contradicted(versionSet, () => true);
    return item && { kind: "against-root", versionSet, item };
  }

  /** An item of the root about the same name that shares no candidate with the version set. */
  private contradicted(versionSet: VersionSetId, accepts: (item: RootItem) => boolean): RootItem | undefined {
    const { provider } = this.prepared;
    const names = provider.namesOf(versionSet);
    const ids = new Set(this.matching(versionSet));
    return this.minimal.items.find(
      (item) =>
        accepts(item) &&
        provider.namesOf(item.versionSet).some((name) => names.includes(name)) &&
        !this.matching(item.versionSet).some((id) => ids.has(id)),
    );
  }

  private groupNode(group: Group, total: number, parent: VersionSetId, depth: number): ConflictNode {
    const name = this.nameOf(parent);
    const versions = [...new Set(group.ids.map((id) => this.prepared.provider.recordOf(id).version))];
    const subject = this.subject(name, group.ids, total);
    const needs = group.ids.length === 1 || total === group.ids.length ? "needs" : "need";
    const specs = joinWords(
      [...group.versionSets].map((id) => `\`${this.textOf(id)}\``),
      "or",
    );
    const node = (kind: ConflictNode["kind"], text: string, children: ConflictNode[] = []): ConflictNode => ({
      kind,
      name,
      versions,
      text,
      children,
    });
    const { reason } = group;
    switch (reason.kind) {
      case "missing":
        return node("missing", `${subject} ${needs} ${specs}, ${this.whyMissing(reason.versionSet)}`);
      case "against-root":
        return node("conflict", `${subject} ${needs} ${specs}, but ${this.describeItem(reason.item)}`);
      case "constrains":
        return node("constrains", `${subject} allows only ${specs}, but ${this.describeItem(reason.item)}`);
      case "excluded":
        return node("conflict", `${subject} is ruled out: ${this.describeItem(reason.item)}`);
      case "unreadable":
        return node("excluded", `${subject} has a dependency that cannot be read: \`${reason.text}\``);
      case "deep":
        return node(
          "requires",
          `${subject} ${needs}`,
          reason.versionSets.flatMap((id) => this.needNode(id, depth + 1)),
        );
      case "unknown":
        return node("conflict", `${subject} ${this.partners(parent)}`);
    }
  }

  /** A dependency that fails further down. */
  private needNode(versionSet: VersionSetId, depth: number): ConflictNode[] {
    const name = this.nameOf(versionSet);
    const spec = this.textOf(versionSet);
    const base = { kind: "requires" as const, name, spec };
    if (this.matching(versionSet).length === 0) return [this.missingNode(versionSet)];
    if (this.reported.has(versionSet))
      return [{ ...base, text: `\`${spec}\`, which is explained above`, children: [] }];
    const groups = this.group(this.matching(versionSet));
    if (depth >= MAX_DEPTH || groups.every(({ reason }) => reason.kind === "unknown")) {
      this.reported.add(versionSet);
      return [
        { ...base, kind: "conflict", text: `\`${spec}\`, which ${this.partners(versionSet)}`, children: [] },
      ];
    }
    return [{ ...base, text: `\`${spec}\``, children: this.explainSet(versionSet, depth) }];
  }

  /** Who else asks for the name of a version set, and does not agree with it. */
  private partners(versionSet: VersionSetId): string {
    const { provider } = this.prepared;
    const names = provider.namesOf(versionSet);
    const ids = new Set(this.matching(versionSet));
    const others: string[] = [];
    const consider = (other: VersionSetId, owners: readonly SolvableId[], verb: string): void => {
      if (other === versionSet || !provider.namesOf(other).some((name) => names.includes(name))) return;
      if (this.matching(other).some((id) => ids.has(id))) return;
      const owner = provider.names[provider.nameOf(owners[0]!)]!;
      others.push(`\`${this.textOf(other)}\`, which ${owner} ${this.describe(owners)} ${verb}`);
    };
    for (const [other, owners] of this.owners) consider(other, owners, owners.length > 1 ? "need" : "needs");
    for (const [other, owners] of this.constrainers)
      consider(other, owners, owners.length > 1 ? "allow" : "allows");
    const item = this.contradicted(versionSet, () => true);
    if (item) return `is ruled out: ${this.describeItem(item)}`;
    if (others.length === 0) return "cannot be installed together with the others";
    return `conflicts with ${joinWords(others, "and", 3)}`;
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
    const versions = all.map((id) => provider.recordOf(id).version);
    return `of which no channel has a match (there is ${describeVersions(versions)})`;
  }

  private subject(name: string, ids: readonly SolvableId[], total: number): string {
    const text = `${name} ${this.describe(ids)}`;
    if (ids.length === 1) return text;
    return ids.length === total ? `every build of ${text}` : `${ids.length} builds of ${text}`;
  }

  private describe(ids: readonly SolvableId[]): string {
    const records = ids.map((id) => this.prepared.provider.recordOf(id));
    const versions = describeVersions(records.map(({ version }) => version));
    return records.length === 1 ? `${versions} ${records[0]!.build}`.trim() : versions;
  }

  private matching(versionSet: VersionSetId): readonly SolvableId[] {
    return [...this.prepared.provider.matching(versionSet)];
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

/** Python minors that some build of a spec accepts, newest first; empty when it does not say. */
export function pythonsOf(prepared: Prepared, versionSet: VersionSetId): string[] {
  const { provider } = prepared;
  const python = provider.nameId("python");
  const minors = new Set<string>();
  for (const id of provider.matching(versionSet)) {
    for (const text of stringsOf(provider.recordOf(id).depends)) {
      const parsed = provider.parseDependency(text);
      if (!parsed || provider.namesOf(parsed.versionSet)[0] !== python) continue;
      for (const other of provider.matching(parsed.versionSet)) {
        minors.add(provider.recordOf(other).version.split(".").slice(0, 2).join("."));
      }
    }
  }
  return [...minors];
}
