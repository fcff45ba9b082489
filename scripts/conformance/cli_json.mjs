import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { FACT_CHECKS } from "./cli_json_facts.mjs";
import { failed, passed, skipped } from "./support.mjs";

/**
 * Runs the recorded command lines with the real executable, in order, in a sandbox with a channel built from packages.json.
 * A result passes when it says what either peer said: same exit code, every key of the peer with the same value once volatile
 * values (dates, hashes of rebuilt packages, sizes, versions of libraries, prose) are masked. Keys of ours that a peer does not
 * have are allowed outside packages: error documents, for one, carry both peers' keys.
 */
export async function prepare(context) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "taipan-cli-json-")));
  const state = {
    directory,
    root: join(directory, "root"),
    home: join(directory, "home"),
    channel: join(directory, "channel"),
    bin: join(directory, "bin"),
  };
  for (const path of [join(state.root, "envs"), join(state.root, "conda-meta"), state.home, state.bin])
    mkdirSync(path, { recursive: true });
  const executable = join(context.root, "bin", "taipan.js");
  for (const name of ["taipan", "micromamba", "conda"]) symlinkSync(executable, join(state.bin, name));
  state.packages = await buildChannel(
    join(dirname(context.file), "packages.json"),
    state.channel,
    context.root,
  );
  writeFileSync(join(state.root, "conda-meta", "history"), "");
  const made = context.cases.some(({ peers }) =>
    /create -n e0\b/.test(peers?.micromamba?.args.join(" ") ?? ""),
  );
  if (!made) execute("taipan", ["create", "-n", "e0", "--yes"], state);
  return state;
}

export function finish({ state }) {
  rmSync(state.directory, { recursive: true, force: true });
}

export function run(item, { state }) {
  if (item.kind === "fact" || item.statement !== undefined) {
    const check = FACT_CHECKS[item.id];
    return check ? check(tools(state)) : skipped("prose");
  }
  if (!item.peers) return skipped("no peer");
  return runRecord(item, state);
}

/** The recorded channel, made with the project's own builders. */
async function buildChannel(file, directory, root) {
  if (!existsSync(file)) return [];
  const fixtures = await import(pathToFileURL(join(root, "dist", "fixtures.js")).href);
  const { packages } = JSON.parse(readFileSync(file, "utf8"));
  const built = [];
  for (const { index, ext, files } of packages) {
    const {
      name,
      version,
      build,
      build_number,
      subdir,
      depends,
      constrains,
      noarch,
      timestamp,
      ...extraIndex
    } = index;
    built.push(
      await fixtures.buildPackage({
        ...{
          name,
          version,
          build,
          buildNumber: build_number,
          subdir,
          depends,
          constrains,
          noarch,
          timestamp,
          extraIndex,
        },
        format: ext === ".conda" ? "conda" : "tar.bz2",
        files: files.map((entry) => ({ path: entry.path, content: entry.text ?? "" })),
      }),
    );
  }
  await fixtures.writeChannel(directory, built, { subdirs: ["linux-64"] });
  return built;
}

/** How a fact is looked at: a fresh command in the same sandbox. */
function tools(state) {
  return {
    channel: pathToFileURL(state.channel).href,
    state,
    taipan: (...args) => execute("taipan", args, state),
    json: (...args) => {
      const result = execute("taipan", args, state);
      return { ...result, document: JSON.parse(result.stdout) };
    },
  };
}

function execute(name, args, { directory, root, home, bin }) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(bin, name), ...args], {
    cwd: directory,
    encoding: "utf8",
    input: "",
    timeout: 120_000,
    env: {
      PATH: process.env.PATH,
      HOME: home,
      USERPROFILE: home,
      TMPDIR: tmpdir(),
      MAMBA_ROOT_PREFIX: root,
      CONDA_SUBDIR: "linux-64",
      CONDA_OVERRIDE_GLIBC: "2.31",
      NO_COLOR: "1",
    },
  });
  return { rc: status, stdout, stderr };
}

function runRecord(item, state) {
  const attempts = [];
  const first = item.peers.micromamba ?? item.peers.conda;
  makeReady(item, state);
  const peers = Object.entries(item.peers);
  attempts.push({ name: item.peers.micromamba ? "micromamba" : "conda", args: first.args });
  // The other dialect asks the same in other words; where nothing changes by asking, either answer will do.
  if (!CHANGES.test(first.args.join(" ")) && item.peers.micromamba && item.peers.conda)
    attempts.push({ name: "conda", args: item.peers.conda.args });
  const problems = [];
  for (const { name, args } of attempts) {
    const result = execute(
      name,
      args.map((arg) => fill(arg, state)),
      state,
    );
    const ours = { ...result, ...unfilled(result, state) };
    for (const [peer, theirs] of peers) {
      const problem = difference(ours, theirs, args);
      if (problem === undefined) return passed;
      problems.push(`as ${name} against ${peer}: ${problem}`);
    }
  }
  return failed(`\`${first.args.join(" ")}\`: ${problems.join("; ")}`.slice(0, 900));
}

const CHANGES =
  /^(create|install|update|remove|uninstall|env (create|remove|update|config)|clean|config (set|append|prepend|remove))\b/;

/** The complete recorded list is longer than any folder of it: what an absent step would have left behind is made here. */
function makeReady(item, state) {
  const { args, json, rc } = item.peers.micromamba ?? item.peers.conda;
  const name = args[args.indexOf("-n") + 1];
  if (!args.includes("-n") || !/^e\d$/.test(name)) return;
  const channel = ["-c", pathToFileURL(state.channel).href, "--override-channels", "-y", "--json"];
  const wanted = installedBefore(args, json);
  const present = () => distsOf(join(state.root, "envs", name));
  if (args[0] === "create") {
    const kept = json?.actions?.LINK && !json.actions.FETCH;
    if (!kept) return;
    if (present() === undefined)
      execute("taipan", ["create", "-n", name, ...channel, ...specsOf(json.actions.LINK)], state);
    return;
  }
  if (rc !== 0 && json?.exception_name === "EnvironmentLocationNotFound") return;
  if (item.peers.conda?.json?.exception_name === "EnvironmentLocationNotFound") return;
  const there = present();
  const complete = there !== undefined && wanted.every((dist) => there.includes(dist));
  if (
    complete &&
    !(json?.actions?.LINK ?? []).some(({ name, version, build }) =>
      there.includes(`${name}-${version}-${build}`),
    )
  )
    return;
  const specs = wanted.map((dist) => dist.replace(/-([^-]+)-([^-]+)$/, "==$1=$2"));
  execute("taipan", ["create", "-n", name, ...channel, ...specs], state);
}

function specsOf(records) {
  return records.map(({ name, version, build }) => `${name}==${version}=${build}`);
}

/** What must have been installed for the recorded answer to be right. */
function installedBefore(args, json) {
  const removed = json?.actions?.UNLINK;
  if (removed) return removed.map(({ name, version, build }) => `${name}-${version}-${build}`);
  if (Array.isArray(json) && json[0]?.dist_name) return json.map(({ dist_name }) => dist_name);
  if (json?.dependencies) return json.dependencies.map((spec) => spec.replaceAll("=", "-"));
  if (args[0] === "install" && json?.message) return ["libx-1.1-0", "app-2.0-1", "tool-0.1-0"];
  if (args[0] === "repoquery" || args[0] === "list" || (args[0] === "env" && args[1] === "export"))
    return ["libx-1.1-0", "app-2.0-1", "tool-0.1-0"];
  return [];
}

function distsOf(prefix) {
  const meta = join(prefix, "conda-meta");
  if (!existsSync(meta)) return undefined;
  return readdirSync(meta)
    .filter((fn) => fn.endsWith(".json"))
    .map((fn) => fn.slice(0, -5));
}

function places({ root, home, directory, channel }) {
  return [
    ["<CHANNEL>", pathToFileURL(channel).href],
    ["<ENVS>", join(root, "envs")],
    ["<PKGS>", join(root, "pkgs")],
    ["<ROOT>", root],
    ["<HOME>", home],
    ["<TMP>", directory],
  ];
}

function fill(text, state) {
  return places(state).reduce((filled, [name, value]) => filled.replaceAll(name, value), text);
}

function unfilled({ stdout, stderr }, state) {
  const clean = (text) => places(state).reduce((left, [name, value]) => left.replaceAll(value, name), text);
  const ours = { stdout: clean(stdout), stderr: clean(stderr), json: undefined };
  try {
    ours.json = JSON.parse(ours.stdout);
  } catch {}
  return ours;
}

/** Why our answer is not the peer's, or undefined when it is. */
function difference(ours, theirs, args) {
  if (ours.rc !== theirs.rc)
    return `exit code ${ours.rc} instead of ${theirs.rc} (${ours.stderr.slice(0, 200)})`;
  if (args.includes("--json") && ours.stdout.trim() !== "" && ours.json === undefined)
    return "stdout is not one JSON document";
  if (theirs.json !== undefined) {
    if (ours.json === undefined) return `no JSON: ${ours.stdout.slice(0, 200)}`;
    return theirs.rc === 0 ? compare(ours.json, theirs.json, "") : compareErrors(ours.json, theirs.json);
  }
  const text = theirs.stdout ?? "";
  // With --json, ours has a document where a peer prints nothing, or a table: that is what --json promises.
  if (args.includes("--json") && ours.json !== undefined) return undefined;
  return text.trim() === "" ? undefined : compareText(ours.stdout, text);
}

const VOLATILE =
  /^(md5|sha256|size|total_size|date|created|last_modified)$|version$|^(user_agent|av_data_dir|conda_location)$/;
/** Versions of libraries that a peer is made of. */
const PEER_PARTS =
  /^(curl|libarchive|libmamba|micromamba) version$|^(conda_build|conda_env|python|requests)_version$|^(av_|notices)/;
/** Keys of `info` and `clean` that say what the peer is made of, not what is asked. */
const OWN_BUSINESS = new Set([
  ...[
    "curl version",
    "libarchive version",
    "libmamba version",
    "micromamba version",
    "populated config files",
  ],
  ...[
    "user config files",
    "virtual packages",
    "channels",
    "package cache",
    "envs directories",
    "env location",
    "environment",
  ],
  ...["guidance", "unsatisfiable", "envs", "writable"],
]);

/** Every key of theirs, deeply; lists in order, except the order of downloads and of unlinking, which is not part of the answer. */
function compare(ours, theirs, at) {
  const key = at.slice(at.lastIndexOf(".") + 1);
  // Which build stands for a dependency on a channel is not part of a query's answer: micromamba shows the first record that
  // satisfies it, ours is the newest.
  if (/^\.result\.pkgs\.\d+$/.test(at) && ours?.name === theirs.name && ours.version === theirs.version) {
    const { build, build_number, build_string, fn, url } = ours;
    return compare(ours, { ...theirs, build, build_number, build_string, fn, url }, `${at}.of`);
  }
  if (PEER_PARTS.test(key)) return undefined;
  if (VOLATILE.test(key) || OWN_BUSINESS.has(key))
    return ours !== undefined && sameKind(ours, theirs)
      ? undefined
      : `${at} is ${shown(ours)}, not ${shown(theirs)}`;
  if (Array.isArray(theirs)) return compareLists(ours, theirs, at);
  if (theirs !== null && typeof theirs === "object") {
    if (ours === null || typeof ours !== "object") return `${at} is ${shown(ours)}, not an object`;
    for (const name of Object.keys(theirs)) {
      const problem = compare(ours[name], theirs[name], `${at}.${name}`);
      if (problem) return problem;
    }
    const extra = isPackage(theirs) ? Object.keys(ours).filter((name) => !(name in theirs)) : [];
    return extra.length ? `${at} has ${extra.join(", ")} too` : undefined;
  }
  // Of packages out of an index micromamba leaves the channel empty, of installed ones it adds the subdir; ours has it always.
  if (key === "channel" && (theirs === "" || theirs.startsWith(`${ours}/`)))
    return typeof ours === "string" && ours !== "" ? undefined : `${at} is ${shown(ours)}`;
  return ours === theirs ? undefined : `${at} is ${shown(ours)}, not ${shown(theirs)}`;
}

function compareLists(ours, theirs, at) {
  if (!Array.isArray(ours)) return `${at} is ${shown(ours)}, not a list`;
  if (ours.length !== theirs.length) return `${at} has ${ours.length} entries, not ${theirs.length}`;
  const sorted = (list) =>
    /\.(FETCH|UNLINK|pkgs|install|dependencies|pkgs_dirs|files|channel_urls)(\.<PKGS>)?$/.test(at)
      ? [...list].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
      : list;
  const [a, b] = [sorted(ours), sorted(theirs)];
  for (const [i, item] of b.entries()) {
    const problem = compare(a[i], item, `${at}.${i}`);
    if (problem) return problem;
  }
  return undefined;
}

function sortKey(value) {
  return typeof value === "string" ? value : (value.url ?? value.dist_name ?? JSON.stringify(value));
}

/** Prose is not compared; names, and that there is something to read, are. */
function compareErrors(ours, theirs) {
  for (const [key, value] of Object.entries(theirs)) {
    if (["guidance", "unsatisfiable", "json", "response_details", "reason"].includes(key)) continue;
    if (!(key in ours)) return `the error has no ${key}`;
    if (typeof value === "string" && typeof ours[key] !== "string") return `${key} is ${shown(ours[key])}`;
    if (Array.isArray(value) && (!Array.isArray(ours[key]) || ours[key].length === 0))
      return `${key} is ${shown(ours[key])}`;
    if (
      /^(success|exception_name|exception_type|packages|package_name|prefix|location|channel_url)$/.test(key)
    ) {
      const problem = compare(ours[key], value, `.${key}`);
      if (problem) return problem;
    }
  }
  return undefined;
}

/** Tables and listings: every row of theirs has its cells, in order, in a row of ours; titles and rules do not count. */
function compareText(ours, theirs) {
  const cells = (text) =>
    text
      .split("\n")
      .map((line) =>
        line
          .replace(/[│├└─"]/g, " ")
          .trim()
          .split(/\s+/)
          .join(" "),
      )
      .filter((line) => line !== "" && !line.startsWith("#"));
  const rows = cells(ours);
  const missing = cells(theirs).filter((row) => !ignorable(row) && !rows.includes(row));
  return missing.length === 0
    ? undefined
    : `no line \`${missing[0]}\` in ${JSON.stringify(ours.slice(0, 300))}`;
}

/** Progress, titles, and lines that hold versions of the peer itself. */
function ignorable(row) {
  return (
    /^(Getting|Using|Parsing|Loading|⚠|List of|Name |Configuration files|Executing)/.test(row) ||
    /(version|cache|agent|packages|files|directories|channels|rc|platform|python|file|shell level|metadata|URLs|UID|netrc|offline) ?:/i.test(
      row,
    ) ||
    /^(__|https?:|<HOME>|<ROOT>\/)/.test(row)
  );
}

function sameKind(a, b) {
  return Array.isArray(a) === Array.isArray(b) && (typeof a === typeof b || a === null || b === null);
}

function isPackage(value) {
  return "fn" in value && "depends" in value && "build_string" in value;
}

function shown(value) {
  return JSON.stringify(value)?.slice(0, 120) ?? "absent";
}
