import { ToolError } from "../errors.ts";
import { isEnvironment } from "../prefix/environment-marks.ts";
import { closeIndexes } from "../repodata/load.ts";
import { type MatchSpec, matchSpecMatches, parseMatchSpec, tryParseMatchSpec } from "../specs/match-spec.ts";
import { similarNames } from "../specs/names.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { chooseChannels, loadIndexes } from "./channels.ts";
import type { CommandContext } from "./context.ts";
import { targetContext } from "./environment.ts";
import { readEnvironment } from "./list.ts";
import { channelSource, installedSource, newestFirst, type PackageSource } from "./package-source.ts";
import { resolveTarget, type TargetOptions } from "./target.ts";

export type RepoqueryKind = "search" | "depends" | "whoneeds";

export interface RepoqueryIntent {
  kind: RepoqueryKind;
  specs: readonly string[];
  channels: readonly string[];
  target: TargetOptions;
  /** Where to look; when absent, `search` looks in the channels, the others in the environment unless channels are named. */
  where?: "local" | "remote" | undefined;
  /** Everything that can be reached. */
  recursive: boolean;
}

export interface RepoqueryResult {
  kind: RepoqueryKind;
  query: string;
  local: boolean;
  /** What the specs name; empty for `whoneeds` of a package that is nowhere. */
  roots: readonly RepoDataRecord[];
  /** `search`: newest first. `depends`: roots, then what they need. `whoneeds`: what needs the roots. */
  records: readonly RepoDataRecord[];
  tree: readonly QueryNode[];
  /** Names like the one that was asked for, when nothing was found. */
  similar: readonly string[];
  /** Records may be outlines, whose rest is read when it is asked for: close when all that is needed was read. */
  close(): void;
}

/** A line of the tree, depth first. */
export interface QueryNode {
  depth: number;
  name: string;
  /** Absent for what nothing provides. */
  record?: RepoDataRecord | undefined;
  /** `seen`: shown above with all that follows from it. `virtual`: the system provides it. */
  state: "new" | "seen" | "virtual" | "missing";
  /** The dependency as written, for what nothing provides. */
  spec?: string | undefined;
}

/** Asks channels or an environment what there is, what a package needs and what needs it. */
export async function repoquery(intent: RepoqueryIntent, context: CommandContext): Promise<RepoqueryResult> {
  const texts = intent.specs.length ? intent.specs : intent.kind === "search" ? ["*"] : [];
  if (texts.length === 0)
    throw new ToolError("usage", `there is no package to ask about`, {
      hint: `write it after the command: \`repoquery ${intent.kind} numpy\``,
    });
  const specs = texts.map((text) => parseMatchSpec(text));
  const { source, close } = await openSource(intent, specs, context);
  try {
    const found = (await Promise.all(specs.map((spec) => source.search(spec)))).flat();
    const base = { kind: intent.kind, query: texts.join(" "), local: source.local, close };
    const records = [...new Set(found)].sort(newestFirst);
    if (intent.kind === "search")
      return { ...base, roots: [], records, tree: [], similar: records.length ? [] : near(specs, source) };
    const result =
      intent.kind === "depends"
        ? depends(specs, source, intent.recursive)
        : whoneeds(specs, records, source, intent.recursive);
    return { ...base, ...result, similar: result.records.length ? [] : near(specs, source) };
  } catch (error) {
    close();
    throw error;
  }
}

async function openSource(
  intent: RepoqueryIntent,
  specs: readonly MatchSpec[],
  context: CommandContext,
): Promise<{ source: PackageSource; close(): void }> {
  if (await looksInEnvironment(intent, context)) {
    if (intent.channels.length > 0)
      throw new ToolError("usage", "channels are not asked about an environment", {
        hint: "leave out -c, or use --remote",
      });
    const { state } = await readEnvironment(intent.target, context);
    return { source: installedSource(state.records), close: () => {} };
  }
  const channels = chooseChannels(
    { channels: intent.channels, fileChannels: [], nodefaults: false },
    context,
  );
  // Shards tell what a package needs, but to know what needs it all of them would have to be fetched.
  const config =
    intent.kind === "whoneeds" ? { ...context.config, useShardedRepodata: false } : context.config;
  const roots = intent.kind === "depends" ? specs.flatMap(({ name }) => name ?? []) : [];
  const indexes = await loadIndexes(channels, roots, { ...context, config });
  return { source: channelSource(indexes), close: () => closeIndexes(indexes) };
}

async function looksInEnvironment(
  { kind, where, channels, target }: RepoqueryIntent,
  context: CommandContext,
): Promise<boolean> {
  if (where !== undefined) return where === "local";
  if (kind === "search" || channels.length > 0) return false;
  const prefix = await resolveTarget(target, targetContext(context));
  return prefix !== undefined || isEnvironment(context.config.rootPrefix);
}

function near(specs: readonly MatchSpec[], source: PackageSource): string[] {
  const [spec] = specs;
  return spec?.name === undefined ? [] : similarNames(spec.name, new Set(source.names()));
}

type Graph = Pick<RepoqueryResult, "roots" | "records" | "tree">;

function depends(specs: readonly MatchSpec[], source: PackageSource, recursive: boolean): Graph {
  const roots = specs.flatMap((spec) => source.best(spec) ?? []);
  const children = ({ record }: QueryNode): QueryNode[] => dependencyNodes(record?.depends ?? [], source);
  const tree = walk(roots.map(nodeOf), children, recursive);
  return { roots, tree, records: distinctRecords(tree) };
}

/** One node for each name: its record meets all that is asked of the name, such as `python` and `python >=3.10,<3.11`. */
function dependencyNodes(texts: readonly string[], source: PackageSource): QueryNode[] {
  const asked = new Map<string, { texts: string[]; specs: MatchSpec[] }>();
  for (const text of texts) {
    const spec = tryParseMatchSpec(text);
    const name = spec?.name ?? text.split(/[\s=<>!~[]/, 1)[0]!;
    const entry = asked.get(name) ?? { texts: [], specs: [] };
    asked.set(name, entry);
    entry.texts.push(text);
    if (spec) entry.specs.push(spec);
  }
  return [...asked].map(([name, { texts, specs }]): QueryNode => {
    const [first, ...more] = specs;
    const record = first && specs.length === texts.length ? source.best(first, ...more) : undefined;
    if (record) return nodeOf(record);
    return { depth: 0, name, state: name.startsWith("__") ? "virtual" : "missing", spec: texts.join(", ") };
  });
}

/** What needs any of the records that the specs match; a package that nobody has may still be needed. */
function whoneeds(
  specs: readonly MatchSpec[],
  wanted: readonly RepoDataRecord[],
  source: PackageSource,
  recursive: boolean,
): Graph {
  const roots = specs.map(
    (spec): QueryNode => ({
      depth: 0,
      name: spec.name ?? spec.source,
      record: source.best(spec),
      state: "new",
    }),
  );
  const records = new Set<RepoDataRecord>();
  const children = ({ name, depth }: QueryNode): QueryNode[] => {
    // Whoever asks by name alone means all of its records.
    const anyRecord = depth > 0 || specs.some((spec) => spec.source === name);
    const needing =
      recursive && anyRecord
        ? source.newestDependents(name)
        : needingAny(name, anyRecord ? [] : wanted, source);
    // Of what is reached through others one record a package is told: for numpy and conda-forge it would be most of the channel.
    if (!recursive) for (const record of needing) records.add(record);
    return newestOfEach(needing).map(nodeOf);
  };
  const tree = walk(roots, children, recursive);
  const reached = recursive ? distinctRecords(tree.filter(({ depth }) => depth > 0)) : [...records];
  return {
    roots: roots.flatMap(({ record }) => record ?? []),
    tree,
    records: reached.sort(oldestFirst),
  };
}

/** Records with a dependency on a name, that one of the wanted records meets when there are any. */
function needingAny(
  name: string,
  wanted: readonly RepoDataRecord[],
  source: PackageSource,
): RepoDataRecord[] {
  const needing = source.dependents(name);
  const exact = wanted.filter((record) => record.name === name);
  if (exact.length === 0) return needing;
  return needing.filter((record) => acceptsAny(record, name, exact));
}

function newestOfEach(records: readonly RepoDataRecord[]): RepoDataRecord[] {
  const newest = new Map<string, RepoDataRecord>();
  for (const record of records) {
    const known = newest.get(record.name);
    if (!known || newestFirst(record, known) < 0) newest.set(record.name, record);
  }
  return [...newest.values()].sort(newestFirst);
}

function oldestFirst(a: RepoDataRecord, b: RepoDataRecord): number {
  return a.name === b.name ? newestFirst(b, a) : a.name < b.name ? -1 : 1;
}

/** Whether a dependency of `record` on `name` is met by one of the records. */
function acceptsAny(record: RepoDataRecord, name: string, wanted: readonly RepoDataRecord[]): boolean {
  return record.depends.some((text) => {
    const spec = tryParseMatchSpec(text);
    return spec?.name === name && wanted.some((candidate) => matchSpecMatches(spec, candidate));
  });
}

function nodeOf(record: RepoDataRecord): QueryNode {
  return { depth: 0, name: record.name, record, state: "new" };
}

/** Depth first, each package once. An explicit stack: chains of hostile channels are longer than the call stack is deep. */
function walk(
  roots: readonly QueryNode[],
  children: (node: QueryNode) => QueryNode[],
  recursive: boolean,
): QueryNode[] {
  const found: QueryNode[] = [];
  const seen = new Set<string>();
  const stack = [...roots].reverse();
  for (let node = stack.pop(); node; node = stack.pop()) {
    const repeated = node.state === "new" && seen.has(node.name);
    found.push(repeated ? { ...node, state: "seen" } : node);
    if (repeated || node.state !== "new") continue;
    seen.add(node.name);
    if (!recursive && node.depth > 0) continue;
    const depth = node.depth + 1;
    stack.push(
      ...children(node)
        .map((child) => ({ ...child, depth }))
        .reverse(),
    );
  }
  return found;
}

function distinctRecords(tree: readonly QueryNode[]): RepoDataRecord[] {
  return tree.flatMap(({ record, state }) => (record && state === "new" ? [record] : []));
}
