import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LINK_FACTS, linkOptions } from "./linking_facts.mjs";
import { attempt, expectEqual, failed, passed, prose } from "./support.mjs";

/** Placeholders, shebangs, entry points and paths; and whole scenarios, compared with what either peer left in the prefix. */
export function prepare({ file }) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "taipan-linking-")));
  return {
    directory,
    packages: makePackages(join(dirname(file), "packages.json"), join(directory, "pkgs")),
    count: 0,
  };
}

export function finish({ state }) {
  rmSync(state.directory, { recursive: true, force: true });
}

export async function run(item, context) {
  const check = LINK_FACTS[item.id] ?? CHECKS[item.kind];
  return check
    ? check(item, context.library, context.state)
    : prose("says what one peer does, which the others do not");
}

const CHECKS = {
  text_replace: ({ input, placeholder, prefix, expect }, { replaceText }) =>
    expectEqual(replaceText(Buffer.from(input), placeholder, prefix, "linux-64").toString(), expect),
  binary_replace: ({ input_b64, placeholder, prefix, expect_b64 }, { replaceBinary }) =>
    expectEqual(
      replaceBinary(Buffer.from(input_b64, "base64"), placeholder, prefix, "file").toString("base64"),
      expect_b64,
    ),
  shebang_line: ({ line, placeholder, prefix, platform, expect }, { replaceShebang }) =>
    expectEqual(replaceShebang(line, placeholder, prefix, platform), expect),
  python_shebang_line: ({ line, placeholder, prefix, expect_lines }, { pythonShebang }) => {
    if (/\s-/.test(line))
      return prose("entry points have no arguments; scripts of packages go through env as in conda");
    return expectEqual(
      pythonShebang(line.slice(2).replace(placeholder, prefix), "linux-64").trimEnd().split("\n"),
      expect_lines,
    );
  },
  entry_point_def: ({ definition, expect }, { parseEntryPoint }) =>
    expectEqual(Object.values(parseEntryPoint(definition, "x")), expect),
  site_packages_path: (
    { python_version, platform, python_site_packages_path, expect },
    { sitePackagesPath },
  ) => {
    const { value, error } = attempt(() =>
      sitePackagesPath(python_version, platform, python_site_packages_path),
    );
    return expect === "error"
      ? error
        ? passed
        : failed(`accepted as ${value}`)
      : expectEqual(value, expect);
  },
  noarch_python_target: ({ path, python_version, platform, expect }, { noarchTarget, pythonInfo }) =>
    expectEqual(noarchTarget(path, pythonInfo({ version: python_version }, platform), platform), expect),
  pyc_path: ({ py_path, python_version, expect }, { pycPath }) =>
    expectEqual(pycPath(py_path, python_version), expect),
  major_minor_from_string: ({ input, expect }, { pythonMinor }) => expectEqual(pythonMinor(input), expect),
  entry_point_files: (
    { platform, definition, expect_paths },
    { entryPointFiles, parseEntryPoint, pythonInfo },
  ) => {
    const python = pythonInfo({ version: "3.12.0" }, platform);
    const files = entryPointFiles(parseEntryPoint(definition, "x"), python, "C:\\prefix", platform);
    return expectEqual(
      files.map(({ path }) => path),
      expect_paths,
    );
  },
  history_parse: checkHistory,
  security: ({ cases }, { prefixPathProblem }) => {
    const open = cases.filter(({ path, expect }) => path && expect === "reject" && !prefixPathProblem(path));
    return open.length === 0 ? passed : failed(`accepted: ${open.map(({ path }) => path)}`);
  },
  link_scenario: runScenario,
};

/** Every line of the text is found again. */
function checkHistory({ content }, { parseHistory }) {
  const { revisions } = parseHistory(content);
  const lines = content.split("\n");
  const count = (sign) => lines.filter((line) => line.startsWith(sign)).length;
  return expectEqual(
    [
      revisions.length,
      revisions.flatMap((r) => r.linked).length,
      revisions.flatMap((r) => r.unlinked).length,
    ],
    [lines.filter((line) => line.startsWith("==>")).length, count("+"), count("-")],
  );
}

/** Packages of packages.json as a cache has them after extraction. */
function makePackages(file, pkgs) {
  if (!existsSync(file)) return [];
  const sha256 = (data) => createHash("sha256").update(data).digest("hex");
  return JSON.parse(readFileSync(file, "utf8")).packages.map((spec) => {
    const { index } = spec;
    const dist = `${index.name}-${index.version}-${index.build}`;
    const directory = join(pkgs, dist);
    const paths = [];
    for (const entry of spec.files) {
      const data = entry.b64 === undefined ? Buffer.from(entry.text ?? "") : Buffer.from(entry.b64, "base64");
      const path = join(directory, entry.path);
      mkdirSync(dirname(path), { recursive: true });
      if (entry.link !== undefined) symlinkSync(entry.link, path);
      else {
        writeFileSync(path, data);
        chmodSync(path, Number.parseInt(entry.mode ?? "644", 8));
      }
      const { prefix_placeholder, file_mode, no_link } = entry;
      paths.push({
        _path: entry.path,
        path_type: entry.link === undefined ? "hardlink" : "softlink",
        sha256: sha256(data),
        size_in_bytes: data.length,
        prefix_placeholder,
        file_mode,
        no_link,
      });
    }
    mkdirSync(join(directory, "info"), { recursive: true });
    writeFileSync(join(directory, "info/index.json"), JSON.stringify(index));
    writeFileSync(join(directory, "info/paths.json"), JSON.stringify({ paths, paths_version: 1 }));
    if (spec.link_json) writeFileSync(join(directory, "info/link.json"), JSON.stringify(spec.link_json));
    const fn = `${dist}${spec.ext ?? ".conda"}`;
    return {
      ...index,
      noarch: index.noarch ?? undefined,
      fn,
      md5: sha256(dist).slice(0, 32),
      url: `file:///c/${index.subdir}/${fn}`,
      channel: "file:///c",
      extracted_package_dir: directory,
      package_tarball_full_path: join(pkgs, fn),
    };
  });
}

async function runScenario({ steps, peers, name }, library, state) {
  const blank = name === "prefix-with-space";
  const prefix = join(
    state.directory,
    `${blank ? "a b" : "e"}${state.count++}${name === "long-prefix" ? "x".repeat(90) : ""}`,
  );
  const pool = library.createPool({ size: 1, mode: "threads" });
  try {
    let error;
    for (const [command, ...specs] of steps)
      error ??= await runStep({ command, specs, prefix }, library, pool, state).then(
        () => undefined,
        (e) => e,
      );
    const compared = Object.entries(peers).filter(
      ([, peer]) => peer.tree !== null && peer.tree !== undefined,
    );
    const failing = Object.values(peers).some((peer) => peer.steps.some(({ rc }) => rc !== 0));
    if (error)
      return failing && error.name === "ToolError" ? passed : failed(`${error.code}: ${error.message}`);
    const tree = treeOf(prefix);
    const differences = compared.map(
      ([peer, { tree: theirs }]) => `${peer}: ${difference(tree, theirs) ?? ""}`,
    );
    return differences.some((text) => text.endsWith(": "))
      ? passed
      : failed(differences.join("; ").slice(0, 600));
  } finally {
    await pool.close();
  }
}

async function runStep({ command, specs, prefix }, library, pool, state) {
  const installed = (await library.readPrefix(prefix))?.records ?? [];
  const wanted = new Map(installed.map((record) => [record.name, record]));
  const add = (spec) => {
    const [name, version = ""] = spec.split("=").filter((part) => part !== "");
    const found = state.packages
      .filter((record) => record.name === name && record.version.startsWith(version))
      .at(-1);
    if (!found) return;
    wanted.set(name, found);
    if (name === "python" && !wanted.has("pip")) add("pip");
  };
  for (const spec of specs)
    if (command === "remove") wanted.delete(spec);
    else add(spec);
  const records = [...wanted.values()].sort(
    (a, b) => Number(b.name === "python") - Number(a.name === "python"),
  );
  const transaction = library.planTransaction(
    installed,
    { records, requested: new Map(), reinstall: new Set() },
    { platform: "linux-64" },
  );
  await library.applyTransaction(
    {
      prefix,
      transaction,
      packages: new Map(records.map((record) => [record.name, record])),
      options: linkOptions,
      command: [command],
    },
    { pool, events: () => {} },
  );
}

function treeOf(prefix, directory = "", tree = {}) {
  for (const name of readdirSync(join(prefix, directory))) {
    const path = directory === "" ? name : `${directory}/${name}`;
    const stat = lstatSync(join(prefix, path));
    if (stat.isDirectory()) treeOf(prefix, path, tree);
    else if (stat.isSymbolicLink())
      tree[path] = { type: "symlink", target: readlinkSync(join(prefix, path)) };
    else
      tree[path] = {
        type: "file",
        mode: (stat.mode & 0o777).toString(8),
        text: readFileSync(join(prefix, path), "latin1").replaceAll(
          Buffer.from(prefix).toString("latin1"),
          "<PREFIX>",
        ),
      };
  }
  return tree;
}

/** What cannot be equal: dates, byte code, what scripts of the peers say of themselves. */
const IGNORED = /^conda-meta\/|\.pyc$|^\.messages\.txt$|^post-link\.env$/;

function difference(ours, theirs) {
  for (const path of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    if (IGNORED.test(path)) continue;
    const [a, b] = [ours[path], theirs[path]];
    if (!a || !b) return `${path} is only in ${a ? "ours" : "theirs"}`;
    if (a.type !== b.type || a.target !== b.target)
      return `${path}: ${JSON.stringify(a)} against ${JSON.stringify(b)}`;
    // micromamba gives entry points a group write bit.
    if (a.type === "file" && a.mode !== b.mode && b.mode !== "775")
      return `${path}: mode ${a.mode} against ${b.mode}`;
    const text =
      b.text === undefined ? undefined : Buffer.from(b.text).toString("latin1").replace(/\0+$/, "");
    if (text !== undefined && a.text.replace(/\0+$/, "") !== text)
      return `${path}: ${JSON.stringify(a.text.slice(0, 200))} against ${JSON.stringify(text.slice(0, 200))}`;
  }
  return undefined;
}
