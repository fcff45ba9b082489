import type { ConflictCore } from "../../solver/index.ts";
import { similarNames } from "../specs/names.ts";
import type { PackageIndex } from "../specs/package-index.ts";
import { minimizeCore } from "./explain-core.ts";
import { CoreFacts } from "./explain-facts.ts";
import { joinWords, renderTree } from "./explain-text.ts";
import { ExplanationTree } from "./explain-tree.ts";
import { whyMissing } from "./explain-words.ts";
import { conflictHints, missingHints } from "./hints.ts";
import type { Prepared } from "./request.ts";
import type { Conflict, ConflictNode, SolveRequest, SolveStats } from "./types.ts";

/** Says why there is no answer: specs that nothing provides, else the smallest set of wishes that exclude each other. */
export function* explainConflict(
  request: SolveRequest,
  prepared: Prepared,
  core: ConflictCore,
  stats: SolveStats,
): Generator<void, Conflict> {
  const missing = missingSpecs(prepared);
  if (missing.length > 0) return explainMissing(request, prepared, missing, stats);
  const minimal = yield* minimizeCore(prepared, core);
  const roots = new ExplanationTree(new CoreFacts(prepared, minimal)).roots();
  const head = minimal.items.length > 1 ? "these cannot be met together:" : "the request cannot be met:";
  return {
    kind: "conflict",
    notFound: [],
    roots,
    message: [head, ...renderTree(roots)].join("\n"),
    hints: conflictHints(request, prepared, minimal),
    stats,
  };
}

/** Requested version sets that nothing is in. */
function missingSpecs(prepared: Prepared): number[] {
  return prepared.problem.requirements
    .filter((requirement) => !requirement.conditions)
    .map(({ versionSet }) => versionSet)
    .filter((id) => prepared.provider.matching(id).length === 0 && prepared.reasons.get(id) === "requested");
}

function explainMissing(
  request: SolveRequest,
  prepared: Prepared,
  missing: readonly number[],
  stats: SolveStats,
): Conflict {
  const { provider } = prepared;
  const facts = new CoreFacts(prepared, { items: [], core: { facts: [] } });
  const notFound: { spec: string; similar: readonly string[] }[] = [];
  const roots = missing.map((id): ConflictNode => {
    const spec = provider.versionSets[id]!.text;
    const [nameId] = provider.namesOf(id);
    const name = nameId === undefined ? spec : provider.names[nameId]!;
    const known = request.indexes.some((index) => index.has(name));
    const similar = known || name.startsWith("__") ? [] : similarNames(name, allNames(request.indexes));
    notFound.push({ spec, similar });
    const suggestion =
      similar.length > 0
        ? `; did you mean ${joinWords(
            similar.map((text) => `\`${text}\``),
            "or",
          )}?`
        : "";
    return {
      kind: "missing",
      name,
      spec,
      text: `\`${spec}\` is requested, ${whyMissing(facts, id)}${suggestion}`,
      children: [],
    };
  });
  const head = missing.length > 1 ? "these specs match nothing:" : "a spec matches nothing:";
  return {
    kind: "conflict",
    notFound,
    roots,
    message: [head, ...renderTree(roots)].join("\n"),
    hints: missingHints(request, prepared, missing),
    stats,
  };
}

function allNames(indexes: readonly PackageIndex[]): string[] {
  const names = new Set<string>();
  for (const index of indexes) for (const name of index.names()) names.add(name);
  return [...names];
}
