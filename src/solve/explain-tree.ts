import type { VersionSetId } from "../../solver/index.ts";
import type { RootItem } from "./explain-core.ts";
import type { CoreFacts } from "./explain-facts.ts";
import { type Group, Reasons } from "./explain-reasons.ts";
import { joinWords } from "./explain-text.ts";
import {
  describeBuilds,
  describeCandidates,
  describeItem,
  describePartners,
  whyMissing,
} from "./explain-words.ts";
import { describePythons, minorsOf } from "./pythons.ts";
import type { ConflictNode } from "./types.ts";

/** What is asked for above a node: a contradiction with it needs no other explanation. */
type Context = readonly VersionSetId[];

const MAX_DEPTH = 8;
const MAX_GROUPS = 6;
/** Nodes of a tree: what a screen holds. Behind that, dependencies are named but no longer followed. */
const MAX_NODES = 24;
/** Groups below the first level: those of most builds say enough. */
const MAX_INNER_GROUPS = 3;

/** Builds the explanation of a minimal core: what each item of the root needs, down to where it contradicts another. */
export class ExplanationTree {
  private readonly reasons: Reasons;
  private readonly reported = new Set<VersionSetId>();
  private nodes = 0;

  constructor(private readonly facts: CoreFacts) {
    this.reasons = new Reasons(facts);
  }

  /** One node for each item: those with something to tell first, then those that are only contradicted. */
  roots(): ConflictNode[] {
    const silentItems = this.explainedByOthers();
    const telling = (item: RootItem): boolean =>
      item.kind === "requirement" && item.reason !== "virtual" && !silentItems.has(item);
    const nodes = this.facts.minimal.items.map((item) => ({
      telling:
        telling(item) &&
        this.facts
          .matching(item.versionSet)
          .some((id) => !["excluded", "unknown"].includes(this.reasons.of(id).kind)),
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
    for (const teller of this.facts.minimal.items) {
      if (explained.has(teller) || teller.kind !== "requirement") continue;
      const reasons = this.facts.matching(teller.versionSet).map((id) => this.reasons.of(id));
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
    const name = this.facts.nameOf(item.versionSet);
    return {
      kind,
      name,
      spec: this.facts.textOf(item.versionSet),
      text: describeItem(this.facts, item),
      children,
    };
  }

  private explainSet(versionSet: VersionSetId, depth: number, context: Context): ConflictNode[] {
    const ids = this.facts.matching(versionSet);
    if (ids.length === 0) return [this.missingNode(versionSet)];
    this.reported.add(versionSet);
    const groups = this.reasons.group(ids);
    const limit = depth === 0 ? MAX_GROUPS : MAX_INNER_GROUPS;
    this.nodes += Math.min(groups.length, limit);
    const nodes = groups
      .slice(0, limit)
      .map((group) => this.groupNode(group, ids.length, versionSet, depth, context));
    if (groups.length > limit) {
      const rest = groups.slice(limit).flatMap((group) => group.ids);
      const name = this.facts.nameOf(versionSet);
      const text = `${name} ${describeCandidates(this.facts, rest)}: the same happens further down`;
      nodes.push({ kind: "requires", name, text, children: [] });
    }
    return nodes;
  }

  private groupNode(
    group: Group,
    total: number,
    parent: VersionSetId,
    depth: number,
    context: Context,
  ): ConflictNode {
    const name = this.facts.nameOf(parent);
    const versions = [...new Set(group.ids.map((id) => this.facts.prepared.provider.recordOf(id).version))];
    const subject = describeBuilds(this.facts, name, group.ids, total);
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
        return node("missing", `${subject} ${needs} ${specs}, ${whyMissing(this.facts, base.versionSet)}`);
      case "against-root":
        return node("conflict", `${subject} ${needs} ${specs}, but ${describeItem(this.facts, base.item)}`);
      case "constrains": {
        const verb = reason.kind === "via" ? needs : singular ? "allows only" : "allow only";
        return node("constrains", `${subject} ${verb} ${specs}, but ${describeItem(this.facts, base.item)}`);
      }
      case "excluded":
        return node(
          "conflict",
          `${subject} ${singular ? "is" : "are"} ruled out: ${describeItem(this.facts, base.item)}`,
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
          `${subject} ${describePartners(this.facts, parent, context, !singular) ?? "cannot be installed with the others"}`,
        );
    }
  }

  private specsOf(group: Group): string {
    const texts = [...new Set([...group.versionSets].map((id) => `\`${this.facts.textOf(id)}\``))];
    const minors = texts.length > 3 ? minorsOf(this.facts.prepared, group.versionSets) : undefined;
    const specs = minors?.length
      ? `python ${describePythons(this.facts.prepared, minors, "or")}`
      : joinWords(texts, "or");
    return group.through.size === 0 ? specs : `${specs} (through ${joinWords([...group.through], "and", 3)})`;
  }

  /** Dependencies that fail together: those that only contradict the others first, without a word, then the others. */
  private needNodes(versionSets: readonly VersionSetId[], depth: number, context: Context): ConflictNode[] {
    const plain = (id: VersionSetId): boolean =>
      this.facts.matching(id).length > 0 &&
      this.reasons.group(this.facts.matching(id)).every(({ reason }) => reason.kind === "unknown");
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
    const spec = this.facts.textOf(versionSet);
    const inContext = this.facts.disjointIn(versionSet, context);
    const partners =
      inContext.length > 0 || !together ? describePartners(this.facts, versionSet, context) : undefined;
    const text = partners === undefined ? `\`${spec}\`` : `\`${spec}\`, which ${partners}`;
    return { kind: "conflict", name: this.facts.nameOf(versionSet), spec, text, children: [] };
  }

  /** A dependency that fails further down. */
  private needNode(versionSet: VersionSetId, depth: number, context: Context): ConflictNode {
    const name = this.facts.nameOf(versionSet);
    const spec = this.facts.textOf(versionSet);
    const base = { kind: "requires" as const, name, spec };
    if (this.facts.matching(versionSet).length === 0) return this.missingNode(versionSet);
    if (this.reported.has(versionSet)) return { ...base, text: `\`${spec}\`, as above`, children: [] };
    if (depth >= MAX_DEPTH || this.nodes >= MAX_NODES) return this.leafNode(versionSet, context, false);
    return { ...base, text: `\`${spec}\``, children: this.explainSet(versionSet, depth, context) };
  }

  private missingNode(versionSet: VersionSetId): ConflictNode {
    const spec = this.facts.textOf(versionSet);
    const name = this.facts.nameOf(versionSet);
    return {
      kind: "missing",
      name,
      spec,
      text: `\`${spec}\`, ${whyMissing(this.facts, versionSet)}`,
      children: [],
    };
  }
}
