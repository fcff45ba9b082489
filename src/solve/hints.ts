import type { VersionSetId } from "../../solver/index.ts";
import { matchSpecMatches } from "../specs/match-spec.ts";
import { similarNames } from "../specs/names.ts";
import { isPlatform, PLATFORMS } from "../specs/platform.ts";
import type { MinimalCore } from "./explain-core.ts";
import { joinWords } from "./explain-text.ts";
import { describePythons, pythonsOf } from "./pythons.ts";
import type { Prepared } from "./request.ts";
import type { SolveRequest } from "./types.ts";

/** What the user could do about a conflict: one sentence each, at most a few. */
export function conflictHints(request: SolveRequest, prepared: Prepared, minimal: MinimalCore): string[] {
  const hints: string[] = [];
  const { provider } = prepared;
  const reasons = new Set(minimal.items.map(({ reason }) => reason));
  const specs = minimal.items
    .filter(({ reason }) => reason === "requested")
    .map(({ versionSet }) => versionSet);
  if (reasons.has("python-pin"))
    hints.push(
      "python keeps its minor version unless the request names it: add `python`, or use --no-py-pin",
    );
  if (reasons.has("pin"))
    hints.push("pins come from `conda-meta/pinned` and `pinned_packages`; --no-pin leaves them out");
  if (reasons.has("frozen")) hints.push("without --freeze-installed, installed packages may change");
  if (reasons.has("no-downgrade")) hints.push("with --allow-downgrade, installed packages may go back");
  const python = provider.nameId("python");
  if (
    !reasons.has("python-pin") &&
    minimal.items.some((item) => item.reason === "kept" && provider.namesOf(item.versionSet).includes(python))
  )
    hints.push("python is not taken away for another package: `remove python` first, or use --no-py-pin");
  const aboutPython = minimal.items.some(({ versionSet }) => provider.namesOf(versionSet).includes(python));
  for (const versionSet of aboutPython ? specs : []) {
    if (provider.namesOf(versionSet).includes(python)) continue;
    const minors = pythonsOf(prepared, versionSet);
    if (minors.length === 0) continue;
    const text = provider.versionSets[versionSet]!.text;
    hints.push(`\`${text}\` is there for python ${describePythons(prepared, minors)}`);
  }
  return [
    ...hints,
    ...virtualHints(prepared, minimal, request.platform),
    ...leftOutHints(prepared, namesIn(prepared, minimal)),
  ];
}

/** The same for specs that nothing matches. */
export function missingHints(
  request: SolveRequest,
  prepared: Prepared,
  missing: readonly VersionSetId[],
): string[] {
  const names = missing.flatMap((id) => [...prepared.provider.namesOf(id)]);
  const hints = [
    ...leftOutHints(prepared, names),
    ...elsewhereHints(request, prepared, missing),
    ...missingVirtualHints(prepared, names, request.platform),
    ...noVersionHints(request, prepared, names),
    ...platformHints(request),
  ];
  const unknown = names.filter(
    (id) => !request.indexes.some((index) => index.has(prepared.provider.names[id]!)),
  );
  if (unknown.length > 0 && hints.length === 0) {
    const channels = [...new Set(request.indexes.map(({ channel }) => channel))];
    const from =
      channels.length > 0
        ? `searched ${joinWords(channels, "and", 6)} for ${request.platform} and noarch`
        : "there are no channels";
    hints.push(`${from}; other channels are added with -c`);
  }
  return hints;
}

/** Specs that name a channel or a subdir which has no match, while another one has. */
function elsewhereHints(
  request: SolveRequest,
  prepared: Prepared,
  missing: readonly VersionSetId[],
): string[] {
  const { provider } = prepared;
  return missing.flatMap((id) => {
    const set = provider.versionSets[id]!;
    if (set.kind !== "spec" || set.spec.name === undefined) return [];
    const { spec } = set;
    if (spec.channel === undefined && spec.subdir === undefined) return [];
    const anywhere = { ...spec, channel: undefined, subdir: undefined, subdirMatchers: undefined };
    const found = request.indexes.filter((index) =>
      index.records(spec.name!).some((record) => matchSpecMatches(anywhere, record)),
    );
    const places = [...new Set(found.map(({ channel, subdir }) => `${channel}/${subdir}`))];
    if (places.length === 0) return [];
    const where = `${joinWords(places)} ${places.length > 1 ? "have" : "has"} it`;
    const foreign = spec.subdir !== undefined && isPlatform(spec.subdir) && spec.subdir !== request.platform;
    return [foreign ? `${where}; --platform ${spec.subdir} solves for another platform` : where];
  });
}

function namesIn(prepared: Prepared, minimal: MinimalCore): number[] {
  const names = new Set<number>();
  for (const fact of minimal.core.facts) {
    if ("versionSet" in fact) for (const name of prepared.provider.namesOf(fact.versionSet)) names.add(name);
  }
  return [...names];
}

function virtualHints(prepared: Prepared, minimal: MinimalCore, platform: string): string[] {
  const { provider } = prepared;
  const lacking = minimal.core.facts
    .filter((fact) => fact.kind === "requires" && provider.matching(fact.versionSet).length === 0)
    .flatMap((fact) => ("versionSet" in fact ? [...provider.namesOf(fact.versionSet)] : []));
  return missingVirtualHints(prepared, lacking, platform);
}

/** Virtual packages of one kind of system: on another one no variable is the answer. */
const SYSTEMS: Readonly<Record<string, readonly [system: string, platform: string]>> = {
  __osx: ["macOS", "osx-arm64"],
  __win: ["Windows", "win-64"],
  __linux: ["Linux", "linux-64"],
  __glibc: ["Linux", "linux-64"],
};

function missingVirtualHints({ provider }: Prepared, names: readonly number[], platform: string): string[] {
  const virtual = new Set(names.map((id) => provider.names[id]!).filter((name) => name.startsWith("__")));
  const hints = [...virtual].map((name) => {
    const [system = "", example = ""] = SYSTEMS[name] ?? [];
    if (example !== "" && !platform.startsWith(example.slice(0, example.indexOf("-"))))
      return `what needs \`${name}\` is for ${system}; --platform ${example} solves for that`;
    const variable = `CONDA_OVERRIDE_${name.slice(2).toUpperCase()}`;
    return `${variable}=VERSION solves for a system that has another \`${name}\``;
  });
  return hints.slice(0, 2);
}

/** `numpy-2.4.6` and `numpy:2.4`: a version written into the name. */
function noVersionHints(request: SolveRequest, { provider }: Prepared, names: readonly number[]): string[] {
  return names.flatMap((id) => {
    const written = provider.names[id]!;
    if (/^[0-9]+(\.[0-9]+)*$/.test(written)) return [`name and version are one word: \`NAME=${written}\``];
    const [, name = "", version = ""] = /^(.+)-v?([0-9][0-9a-z._]*)$/.exec(written) ?? [];
    const known = name !== "" && request.indexes.some((index) => index.has(name));
    return known ? [`a version is written \`${name}=${version}\``] : [];
  });
}

/** No channel has the platform: a misspelt --platform, or packages for other systems only. */
function platformHints({ indexes, platform }: SolveRequest): string[] {
  if (indexes.length === 0 || platform === "noarch") return [];
  if (indexes.some(({ subdir }) => subdir === platform)) return [];
  const near = isPlatform(platform)
    ? undefined
    : (similarNames(platform, PLATFORMS, 1)[0] ??
      ["linux-64", "osx-arm64", "win-64"].find((usual) => usual.startsWith(platform.slice(0, 3))));
  const meant = near === undefined ? "" : `; did you mean \`${near}\`?`;
  return [`no channel that was searched has packages for \`${platform}\`${meant}`];
}

function leftOutHints(prepared: Prepared, names: readonly number[]): string[] {
  const { provider } = prepared;
  const hints: string[] = [];
  for (const id of names) {
    const out = provider.leftOut.get(id);
    if (!out) continue;
    const channels = [...new Set(out.byPriority.map(({ channel }) => channel))];
    if (channels.length > 0) {
      const name = provider.names[id]!;
      hints.push(
        `${joinWords(channels)} has other builds of \`${name}\`, hidden by strict channel priority: ask for \`${channels[0]}::${name}\`, or use --channel-priority flexible`,
      );
    }
    if (out.byDate.length > 0)
      hints.push(`--exclude-newer leaves out ${out.byDate.length} builds of \`${provider.names[id]}\``);
  }
  return hints.slice(0, 4);
}
