import { recordFromUrl } from "../cache/explicit.ts";
import { ToolError } from "../errors.ts";
import { exactMatchSpec, type MatchSpec, matchSpecMatches, parseMatchSpec } from "../specs/match-spec.ts";
import type { CommandContext } from "./context.ts";
import { gatherInputs, type InputSources } from "./inputs.ts";
import { list } from "./list.ts";
import type { TargetOptions } from "./target.ts";

export interface CompareIntent extends InputSources {
  target: TargetOptions;
}

export interface Difference {
  /** What the file asks for. */
  spec: string;
  name: string;
  /** The installed package that does not match; absent when there is none. */
  installed?: string | undefined;
}

/** What a file asks for that an environment does not have. The environment may have more. */
export async function compare(intent: CompareIntent, context: CommandContext): Promise<Difference[]> {
  if (!intent.files?.length)
    throw new ToolError("usage", "there is no file to compare with", {
      hint: "name an environment.yml, a spec list or a lock file",
    });
  const { records, pip } = await list({ target: intent.target, pip: true }, context);
  const inputs = await gatherInputs(intent, context);
  const exact = [
    ...inputs.explicit.map((entry) => recordFromUrl(entry.url, entry)),
    ...inputs.locked.map(({ record }) => record),
  ];
  const wanted: MatchSpec[] = [
    ...inputs.specs.map((text) => parseMatchSpec(text)),
    ...exact.map((record) => ({
      ...exactMatchSpec(record),
      source: `${record.name}==${record.version}=${record.build}`,
    })),
  ];
  const found: Difference[] = [];
  for (const spec of wanted) {
    if (records.some((record) => matchSpecMatches(spec, record))) continue;
    const other = records.find((record) => record.name === spec.name);
    found.push({
      spec: spec.source,
      name: spec.name ?? spec.source,
      ...(other ? { installed: `${other.name}==${other.version}=${other.build}` } : {}),
    });
  }
  for (const line of inputs.pip) {
    const requirement = /^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?(?:==([^\s;,*]+))?/.exec(line.trim());
    if (!requirement || /^-/.test(line)) continue;
    const name = requirement[1]!.toLowerCase().replace(/[-_.]+/g, "-");
    const installed = pip.find((item) => item.name === name);
    if (installed && (requirement[2] === undefined || requirement[2] === installed.version)) continue;
    found.push({ spec: line, name, ...(installed ? { installed: `${name}==${installed.version}` } : {}) });
  }
  return found;
}
