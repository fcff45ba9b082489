import type { MatchSpec } from "../specs/match-spec.ts";

/** `when` of a spec (CEP 43). */
export type SpecCondition = NonNullable<MatchSpec["when"]>;

/** More alternatives than any real condition has; a hostile one must not explode. */
const MAX_ALTERNATIVES = 256;

/** The condition as alternatives, each a list of specs that must all be met (disjunctive normal form). */
export function conditionAlternatives(condition: SpecCondition): MatchSpec[][] {
  if (condition.kind === "spec") return [[condition.spec]];
  const operands = condition.operands.map(conditionAlternatives);
  if (condition.kind === "or") return operands.flat().slice(0, MAX_ALTERNATIVES);
  return operands.reduce<MatchSpec[][]>(
    (all, next) => all.flatMap((left) => next.map((right) => [...left, ...right])).slice(0, MAX_ALTERNATIVES),
    [[]],
  );
}
