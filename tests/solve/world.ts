import {
  buildRequest,
  type Conflict,
  MemoryIndex,
  type PackageRecord,
  type PrefixRecord,
  parseMatchSpec,
  type RepoDataRecord,
  type RequestInput,
  type Solution,
  type SolveFlags,
  solve,
} from "../../src/index.ts";

type Extra = Partial<RepoDataRecord>;

/** `name version build` with dependencies: a record as a channel lists it. */
export function record(text: string, depends: string[] = [], extra: Extra = {}): RepoDataRecord {
  const [name, version, build = "0"] = text.split(" ") as [string, string, string?];
  const build_number = Number(/(\d+)$/.exec(build)?.[1] ?? 0);
  const subdir = extra.subdir ?? "linux-64";
  const fn = `${name}-${version}-${build}.conda`;
  const channel = extra.channel ?? "chan";
  const url = `https://conda.example/${channel}/${subdir}/${fn}`;
  return { name, version, build, build_number, depends, subdir, fn, url, channel, ...extra };
}

export function installed(text: string, depends: string[] = [], extra: Extra = {}): PrefixRecord {
  return {
    ...record(text, depends, extra),
    package_tarball_full_path: "",
    extracted_package_dir: "",
    files: [],
    paths_data: { paths_version: 1, paths: [] },
    link: { source: "", type: 1 },
  };
}

export function virtual(name: string, version: string, build = "0"): PackageRecord {
  return { name, version, build, build_number: 0, subdir: "noarch", depends: [] };
}

export interface Ask {
  command?: RequestInput["command"];
  specs?: string[];
  flags?: SolveFlags;
  installed?: PrefixRecord[];
  history?: string[];
  pins?: string[];
  virtual?: PackageRecord[];
  priority?: RequestInput["channelPriority"];
  addPip?: boolean;
  signal?: AbortSignal;
  now?: () => number;
}

/** Solves over channels given as lists of records, highest priority first. */
export function ask(channels: RepoDataRecord[][], options: Ask): Solution | Conflict {
  const indexes = channels.flatMap((records, priority) =>
    ["linux-64", "noarch"].map(
      (subdir) =>
        new MemoryIndex(
          records[0]?.channel ?? "chan",
          subdir,
          priority,
          records.filter((r) => r.subdir === subdir),
        ),
    ),
  );
  return solve(
    buildRequest({
      command: options.command ?? "create",
      specs: (options.specs ?? []).map((text) => parseMatchSpec(text)),
      flags: options.flags ?? {},
      channelPriority: options.priority ?? "flexible",
      addPip: options.addPip ?? false,
      installed: options.installed ?? [],
      history: (options.history ?? []).map((text) => parseMatchSpec(text)),
      pins: (options.pins ?? []).map((text) => parseMatchSpec(text)),
      indexes,
      virtualPackages: options.virtual ?? [],
      platform: "linux-64",
      signal: options.signal,
      now: options.now,
    }),
  );
}

export function dists(result: Solution | Conflict): string[] {
  if (result.kind === "conflict") throw new Error(`conflict:\n${result.message}`);
  return result.records.map(({ name, version, build }) => `${name}-${version}-${build}`);
}

export function message(result: Solution | Conflict): string {
  if (result.kind === "solution") throw new Error(`solved: ${dists(result).join(" ")}`);
  return result.message;
}
