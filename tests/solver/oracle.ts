import type { Dependencies, Requirement } from "../../solver/index.ts";
import { type Universe, UniverseProvider } from "./universe.ts";

/** A selection: solvable ids. */
type Model = ReadonlySet<number>;

function holds(universe: Universe, requirement: Requirement, model: Model): boolean {
  const members = (versionSet: number): boolean =>
    universe.versionSets[versionSet]!.members.some((id) => model.has(id));
  const applies = (requirement.conditions ?? []).every((c) =>
    c.kind === "solvable" ? model.has(c.id) : members(c.id),
  );
  return !applies || members(requirement.versionSet);
}

function accepts(
  universe: Universe,
  provider: UniverseProvider,
  dependencies: Dependencies,
  model: Model,
): boolean {
  if (dependencies.unusable) return false;
  if (!dependencies.requirements.every((requirement) => holds(universe, requirement, model))) return false;
  return dependencies.constraints.every((versionSet) => {
    const { name, members } = universe.versionSets[versionSet]!;
    return [...model].every((id) => provider.nameOf(id) !== name || members.includes(id));
  });
}

/** Whether the selection satisfies everything; independent of how the solver works. */
export function isModel(universe: Universe, model: Model): boolean {
  const provider = new UniverseProvider(universe);
  const { requirements, background, constraints } = universe.problem;
  const question = { requirements: [...requirements, ...background], constraints };
  const names = [...model].map((id) => provider.nameOf(id));
  if (new Set(names).size !== names.length) return false;
  if (!accepts(universe, provider, question, model)) return false;
  return [...model].every((id) => accepts(universe, provider, provider.dependencies(id), model));
}

export function allModels(universe: Universe): Model[] {
  let partial: number[][] = [[]];
  const provider = new UniverseProvider(universe);
  for (const name of universe.names.keys()) {
    partial = partial.flatMap((chosen) => [
      chosen,
      ...provider.candidates(name).map((id) => [...chosen, id]),
    ]);
  }
  return partial.map((chosen) => new Set(chosen)).filter((model) => isModel(universe, model));
}

/** The answer that `Problem` promises, by filtering all models goal by goal; undefined when there is none. No conditions. */
export function bestAnswer(universe: Universe): number[] | undefined {
  const provider = new UniverseProvider(universe);
  const { problem } = universe;
  let models = allModels(universe);
  if (models.length === 0) return undefined;
  const members = (versionSet: number): number[] => universe.versionSets[versionSet]!.members;
  const preferred = (ids: number[]): number[] =>
    [...ids].sort(
      (a, b) => provider.grade(a, 1) - provider.grade(b, 1) || provider.tieRank(a) - provider.tieRank(b),
    );
  const wish = (ids: readonly number[]): void => {
    const best = ids.find((id) => models.some((model) => model.has(id)));
    if (best !== undefined) models = models.filter((model) => model.has(best));
  };
  const pick = (ids: number[]): number => {
    const best = preferred(ids).find((id) => models.some((model) => model.has(id)))!;
    models = models.filter((model) => model.has(best));
    return best;
  };
  for (const { solvables } of problem.firstWishes) wish(solvables);
  for (const level of [0, 1] as const) {
    for (const { versionSet } of problem.requirements) {
      const grades = members(versionSet)
        .filter((id) => models.some((model) => model.has(id)))
        .map((id) => provider.grade(id, level));
      const best = Math.min(...grades);
      models = models.filter((model) =>
        members(versionSet).some((id) => model.has(id) && provider.grade(id, level) <= best),
      );
    }
  }
  const queue: number[] = [];
  const enqueue = (id: number): void => {
    if (!queue.includes(id)) queue.push(id);
  };
  for (const { versionSet } of problem.requirements) enqueue(pick(members(versionSet)));
  const preferredSets: number[] = [];
  for (const versionSet of problem.preferences) {
    const met = models.filter((model) => members(versionSet).some((id) => model.has(id)));
    if (met.length === 0) continue;
    models = met;
    preferredSets.push(versionSet);
  }
  for (const { solvables } of problem.wishes) wish(solvables);
  for (const { versionSet } of problem.background) enqueue(pick(members(versionSet)));
  const hoped = preferredSets.map((versionSet) => pick(members(versionSet)));
  const wished = [...problem.firstWishes, ...problem.wishes].flatMap(({ solvables }) => solvables);
  for (const id of wished) if (models.every((model) => model.has(id))) enqueue(id);
  for (const id of hoped) enqueue(id);
  for (let i = 0; i < queue.length; i++) {
    for (const { versionSet } of provider.dependencies(queue[i]!).requirements)
      enqueue(pick(members(versionSet)));
  }
  return queue;
}
