import { tryParseMatchSpec } from "../specs/match-spec.ts";
import type { PackageRecord } from "../specs/records.ts";
import { stringsOf } from "./provider.ts";

/** The names that a record depends on. */
export function dependencyNames(record: PackageRecord): string[] {
  const names: string[] = [];
  for (const text of stringsOf(record.depends)) {
    const name = tryParseMatchSpec(text)?.name;
    if (name !== undefined && name !== record.name) names.push(name);
  }
  return names;
}

/**
 * Dependencies before dependents; the same records always give the same order, however they come. Python comes before
 * everything that needs it, also where they need each other (python and pip): what is linked after it may have to be compiled by it.
 */
export function linkOrder<T extends PackageRecord>(records: readonly T[]): T[] {
  const byName = new Map(records.map((record) => [record.name, record]));
  const dependencies = new Map(records.map((record) => [record.name, dependencyNames(record).sort()]));
  const state = new Map<string, "open" | "done">();
  const order: T[] = [];
  const dependsOnPython = (name: string): boolean => dependencies.get(name)?.includes("python") === true;

  // An explicit stack: dependency chains of hostile channels are longer than the call stack is deep.
  const visit = (start: string): void => {
    const stack: { name: string; next: number }[] = [{ name: start, next: 0 }];
    state.set(start, "open");
    while (stack.length > 0) {
      const frame = stack[stack.length - 1]!;
      const dependency = dependencies.get(frame.name)![frame.next++];
      if (dependency === undefined) {
        stack.pop();
        state.set(frame.name, "done");
        order.push(byName.get(frame.name)!);
      } else if (byName.has(dependency) && !state.has(dependency)) {
        if (frame.name === "python" && dependsOnPython(dependency)) continue;
        state.set(dependency, "open");
        stack.push({ name: dependency, next: 0 });
      }
    }
  };
  const names = [...byName.keys()].sort();
  if (byName.has("python")) visit("python");
  for (const name of names) if (!state.has(name)) visit(name);
  return order;
}
