import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { failed, passed, skipped } from "./support.mjs";

/**
 * Solver scenarios: channels, a prefix and a request, and what must come out. The request takes the path that the commands take
 * (`buildRequest`), with the prefix state and the channels given as values.
 */
export function prepare(context) {
  return { channels: new Map(), folder: findRepodata(dirname(context.file)) };
}

export function run(item, { library, state }) {
  const { request } = item;
  let outcome;
  try {
    outcome = outcomeOf(solveScenario(item, library, state), item, library);
  } catch (error) {
    if (error?.name !== "ToolError") throw error;
    outcome = { status: "error", message: `${error.message} ${error.hint ?? ""}`, final: [] };
  }
  const problems = compare(outcome, item);
  if (problems.length === 0 || equalsPeer(outcome, item)) return passed;
  // micromamba's answers were recorded with its default, which gives pip to those who ask for python, whatever the case says.
  if (
    item.config?.add_pip_as_python_dependency === false &&
    item.peers_disagree &&
    outcome.status === "solved"
  ) {
    const config = { ...item.config, add_pip_as_python_dependency: true };
    const withPip = outcomeOf(solveScenario({ ...item, config }, library, state), item);
    if (equalsPeer(withPip, item)) return passed;
  }
  if (item.requires === "conda-features") return skipped("conda's legacy features");
  return failed(`${request.command} ${request.specs.join(" ")}: ${problems.join("; ")}`);
}

function findRepodata(from) {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "repodata"))) return join(folder, "repodata");
    if (dirname(folder) === folder) throw new Error(`no repodata folder above ${from}`);
  }
}

function solveScenario(item, library, state) {
  const { request, config } = item;
  const flags = request.flags ?? {};
  const parse = (text) => library.parseMatchSpec(expandChannels(text, item));
  const indexes = item.channels.flatMap((channel, priority) =>
    loadChannel(channel, priority, item, library, state),
  );
  return library.solve(
    library.buildRequest({
      command: request.command,
      specs: request.specs.map(parse),
      alsoRemove: (request.also_remove ?? []).map(parse),
      flags: {
        noDeps: flags.no_deps,
        onlyDeps: flags.only_deps,
        freezeInstalled: flags.freeze_installed,
        forceReinstall: flags.force_reinstall,
        force: flags.force,
        updateAll: flags.update_all,
        updateDeps: flags.update_deps,
        prune: flags.no_prune_deps ? false : flags.prune,
        noPythonPin: flags.no_py_pin,
        noPin: flags.ignore_pinned,
        allowUninstall: flags.allow_uninstall,
        allowDowngrade: flags.allow_downgrade,
        strategy: request.strategy,
        excludeNewer: request.exclude_newer === undefined ? undefined : timeOf(request.exclude_newer),
      },
      channelPriority: config?.channel_priority ?? "flexible",
      aggressiveUpdates: (config?.aggressive_update_packages ?? []).map(parse),
      addPip: config?.add_pip_as_python_dependency ?? true,
      installed: item.installed.map((record) => installedRecord(record, item)),
      history: item.history.map(parse),
      pins: item.pins.map(parse),
      indexes,
      virtualPackages: item.virtual_packages.map(virtualRecord),
      platform: item.platform,
    }),
  );
}

function timeOf(value) {
  return typeof value === "number" ? value : Date.parse(value);
}

/** `{name}` stands for the URL of that channel. */
function expandChannels(text, item) {
  return item.channels.reduce((result, { name }) => result.replaceAll(`{${name}}`, channelUrl(name)), text);
}

function channelUrl(name) {
  return `https://conda.example/${name}`;
}

function loadChannel({ name, repodata }, priority, item, library, state) {
  const folder = join(state.folder, repodata);
  const found = readdirSync(folder);
  return item.subdirs
    .filter((subdir) => found.includes(subdir))
    .map((subdir) => {
      const key = `${repodata}/${subdir}`;
      if (!state.channels.has(key)) {
        state.channels.set(key, JSON.parse(readFileSync(join(folder, subdir, "repodata.json"), "utf8")));
      }
      return new library.MemoryIndex(
        name,
        subdir,
        priority,
        recordsOf(state.channels.get(key), name, subdir),
      );
    });
}

function recordsOf(repodata, channel, subdir) {
  const sections = [
    repodata.packages,
    repodata["packages.conda"],
    repodata.v3?.packages,
    repodata.v3?.["packages.conda"],
  ];
  return sections.flatMap((section) =>
    Object.entries(section ?? {}).map(([fn, record]) => ({
      ...record,
      fn,
      subdir,
      channel,
      url: `${channelUrl(channel)}/${subdir}/${fn}`,
    })),
  );
}

function installedRecord({ _ext, ...record }, item) {
  const channel = record.channel ?? item.channels[0].name;
  const fn = `${record.name}-${record.version}-${record.build}${_ext ?? ".conda"}`;
  return { fn, url: `${channelUrl(channel)}/${record.subdir}/${fn}`, ...record, channel, files: [] };
}

function virtualRecord(text) {
  const [name, version = "0", build = "0"] = text.split("=");
  return { name, version, build, build_number: 0, subdir: "noarch", depends: [] };
}

function outcomeOf(result, item) {
  if (result.kind === "conflict") return { status: "unsatisfiable", message: result.message, final: [] };
  const before = new Set(item.installed.map(dist));
  return {
    status: "solved",
    message: result.notes.join("\n"),
    records: result.records,
    final: result.records.map(dist),
    names: new Set(result.records.map(({ name }) => name)),
    relinked: result.records.filter(
      (record) => !before.has(dist(record)) || result.reinstall.has(record.name),
    ),
  };
}

function dist({ name, version, build }) {
  return `${name}-${version}-${build}`;
}

function compare(outcome, item) {
  const { expect } = item;
  const allowed = expect.status_any_of ?? (expect.status === "any" ? undefined : [expect.status]);
  if (allowed && !allowed.includes(outcome.status)) {
    return [`status ${outcome.status}, not ${allowed.join("/")} (${String(outcome.message).slice(0, 200)})`];
  }
  const problems = [];
  for (const text of expect.mentions ?? []) {
    if (!outcome.message.includes(text)) problems.push(`no mention of ${text} in ${outcome.message}`);
  }
  if (outcome.status !== "solved") return problems;
  for (const [key, check] of Object.entries(CHECKS)) {
    if (expect[key] === undefined) continue;
    const problem = check(expect[key], outcome, item);
    if (problem) problems.push(problem);
  }
  return problems;
}

const CHECKS = {
  exact: (wanted, { final }) => differences(wanted, final),
  exact_any_of: (lists, { final }) =>
    lists.some((wanted) => differences(wanted, final) === undefined)
      ? undefined
      : `none of the exact answers: ${final}`,
  exact_names: (wanted, { names }) => differences(wanted, [...names]),
  contains: (wanted, outcome) => {
    const missing = wanted.filter((text) => !contains(outcome, text));
    return missing.length > 0 ? `missing ${missing.join(" ")} in ${outcome.final.slice(0, 12)}` : undefined;
  },
  not_contains: (wanted, outcome) => {
    const there = wanted.filter((text) => contains(outcome, text));
    return there.length > 0 ? `has ${there.join(" ")}` : undefined;
  },
  removed: (wanted, { names }) => {
    const there = wanted.filter((name) => names.has(name));
    return there.length > 0 ? `still has ${there.join(" ")}` : undefined;
  },
  removed_exact: (wanted, { names }, item) =>
    differences(
      wanted,
      item.installed.map(({ name }) => name).filter((name) => !names.has(name)),
    ),
  kept: (wanted, { names }) => {
    const lost = wanted.filter((name) => !names.has(name));
    return lost.length > 0 ? `lost ${lost.join(" ")}` : undefined;
  },
  unchanged: (wanted, { final }, item) => {
    const changed = item.installed.filter(
      (record) => wanted.includes(record.name) && !final.includes(dist(record)),
    );
    return changed.length > 0 ? `changed ${changed.map(dist).join(" ")}` : undefined;
  },
  no_change: (_wanted, { final, relinked }, item) =>
    relinked.length > 0 ? `links ${relinked.map(dist)}` : differences(item.installed.map(dist), final),
  relinked_exact: (wanted, { relinked }) =>
    differences(
      wanted,
      relinked.map(({ name }) => name),
    ),
  count: (wanted, { final }) =>
    final.length === wanted ? undefined : `${final.length} packages, not ${wanted}`,
  fn_suffix: (wanted, { records }, item) => {
    // Only records that exist in that form can be chosen in it; the case names the requested one.
    const named = records.filter((record) => item.request.specs.some((spec) => spec.startsWith(record.name)));
    const wrong = named.filter(({ fn }) => !fn.endsWith(wanted));
    return wrong.length > 0 ? `not ${wanted}: ${wrong.map(({ fn }) => fn)}` : undefined;
  },
  last_linked: (wanted, { records }) =>
    records.at(-1)?.name === wanted ? undefined : `last is ${records.at(-1)?.name}`,
  link_order: (wanted, { records }) => {
    const order = records.map(({ name }) => name).filter((name) => wanted.includes(name));
    return order.join(" ") === wanted.join(" ") ? undefined : `order ${order.join(" ")}`;
  },
};

/** `name`, `name-version…` or `name-version-build`. */
function contains({ records }, text) {
  return records.some(
    (record) => record.name === text || (text.startsWith(`${record.name}-`) && dist(record).startsWith(text)),
  );
}

function differences(wanted, actual) {
  const more = actual.filter((text) => !wanted.includes(text));
  const less = wanted.filter((text) => !actual.includes(text));
  return more.length + less.length === 0
    ? undefined
    : `unexpected [${more.join(" ")}], missing [${less.join(" ")}]`;
}

/** Where the peers' solutions differ from each other, each of them is as right as the others. */
function equalsPeer(outcome, item) {
  const disagree = item.peers_disagree ?? [];
  return Object.values(item.peers ?? {}).some((peer) => {
    if (disagree.includes("status") && peer.status === outcome.status && outcome.status !== "solved")
      return true;
    if (disagree.length === 0 || !Array.isArray(peer.final) || outcome.status !== "solved") return false;
    return differences(peer.final, outcome.final) === undefined;
  });
}
