import { type MatchSpec, matchSpecMatches, tryParseMatchSpec } from "../specs/match-spec.ts";
import type { PackageRecord } from "../specs/records.ts";
import type { SpecCondition } from "./conditions.ts";
import { stringsOf } from "./provider.ts";

/** One thing that does not hold in a set of records. */
export interface Violation {
  kind: "duplicate" | "missing" | "constrains" | "requested" | "unreadable";
  /** Name of the package that is violated; the spec's text for requested specs. */
  name: string;
  text: string;
}

/**
 * Checks a set of records against what its members ask for, without the solver: one record of a name, every dependency met, every
 * constraint held, every requested spec matched. Virtual packages count as members that ask for nothing.
 */
export function checkSolution(
  records: readonly PackageRecord[],
  requested: readonly MatchSpec[] = [],
  virtualPackages: readonly PackageRecord[] = [],
): Violation[] {
  const violations: Violation[] = [];
  const byName = new Map<string, PackageRecord[]>();
  for (const record of [...virtualPackages, ...records]) {
    const same = byName.get(record.name);
    if (same) same.push(record);
    else byName.set(record.name, [record]);
  }
  for (const record of records) {
    if (byName.get(record.name)![0] !== record) {
      violations.push({ kind: "duplicate", name: record.name, text: `two records of ${record.name}` });
    }
    for (const text of stringsOf(record.depends)) checkDependency(record.name, text, byName, violations);
    for (const text of stringsOf(record.constrains)) checkConstraint(record.name, text, byName, violations);
  }
  for (const spec of requested) {
    if (spec.when !== undefined && !holds(spec.when, byName)) continue;
    const chosen = candidatesOf(spec, byName).find((record) => matchSpecMatches(spec, record));
    if (!chosen)
      violations.push({ kind: "requested", name: spec.source, text: `nothing matches ${spec.source}` });
    else checkExtras(spec, chosen, byName, violations);
  }
  return violations;
}

type ByName = ReadonlyMap<string, readonly PackageRecord[]>;

function candidatesOf(spec: MatchSpec, byName: ByName): readonly PackageRecord[] {
  return spec.name === undefined ? [...byName.values()].flat() : (byName.get(spec.name) ?? []);
}

function checkDependency(name: string, text: string, byName: ByName, violations: Violation[]): void {
  const spec = tryParseMatchSpec(text);
  if (!spec) {
    violations.push({ kind: "unreadable", name, text });
    return;
  }
  if (spec.when !== undefined && !holds(spec.when, byName)) return;
  const chosen = candidatesOf(spec, byName).find((record) => matchSpecMatches(spec, record));
  if (!chosen) violations.push({ kind: "missing", name, text });
  else checkExtras(spec, chosen, byName, violations);
}

/** The extras that a spec asks for bring dependencies of the record that it chose (CEP 44). */
function checkExtras(spec: MatchSpec, chosen: PackageRecord, byName: ByName, violations: Violation[]): void {
  for (const extra of spec.extras ?? []) {
    for (const text of stringsOf(chosen.extra_depends?.[extra]))
      checkDependency(chosen.name, text, byName, violations);
  }
}

function checkConstraint(name: string, text: string, byName: ByName, violations: Violation[]): void {
  const spec = tryParseMatchSpec(text);
  if (!spec) violations.push({ kind: "unreadable", name, text });
  else if (
    spec.name !== undefined &&
    !candidatesOf(spec, byName).every((record) => matchSpecMatches(spec, record))
  ) {
    violations.push({ kind: "constrains", name, text });
  }
}

function holds(condition: SpecCondition, byName: ByName): boolean {
  if (condition.kind === "spec") {
    return candidatesOf(condition.spec, byName).some((record) => matchSpecMatches(condition.spec, record));
  }
  const results = condition.operands.map((operand) => holds(operand, byName));
  return condition.kind === "and" ? results.every(Boolean) : results.some(Boolean);
}
