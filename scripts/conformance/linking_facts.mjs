// Facts about linking that are told in words: each is tried out on a small package in a prefix of its own.
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { all, expectEqual, failed, passed } from "./support.mjs";

export const linkOptions = {
  platform: "linux-64",
  compilePyc: true,
  alwaysCopy: false,
  alwaysSoftlink: false,
  allowSoftlinks: false,
  linkScripts: "run",
  pathConflict: "clobber",
  shortcuts: false,
  lockTimeout: 10,
  rootPrefix: "/root-prefix",
  env: process.env,
};

const PLACEHOLDER = "/opt/build/placehold_placehold_placehold_placehold";
const OLD = new Date("2020-01-02T03:04:05Z");

/** A prefix and a package cache of their own; `set` takes the prefix to exactly these packages. */
function sandbox(library, state) {
  const root = join(state.directory, `fact-${state.count++}`);
  const prefix = join(root, "env");
  const set = async (packages, options = {}) => {
    const pool = library.createPool({ size: 1, mode: "threads" });
    try {
      const installed = (await library.readPrefix(prefix))?.records ?? [];
      const solution = { records: packages, requested: new Map(), reinstall: new Set() };
      await library.applyTransaction(
        {
          prefix,
          transaction: library.planTransaction(installed, solution, { platform: "linux-64" }),
          packages: new Map(packages.map((record) => [record.name, record])),
          options: { ...linkOptions, ...options },
          command: ["taipan", "install", "x"],
        },
        { pool, events: () => {} },
      );
    } finally {
      await pool.close();
    }
  };
  return {
    root,
    prefix,
    set,
    at: (path) => join(prefix, path),
    record: (dist) => JSON.parse(readFileSync(join(prefix, "conda-meta", `${dist}.json`), "utf8")),
    make: (name, files, noarch) => makePackage(join(root, "pkgs"), name, files, noarch),
  };
}

/** Files are texts, or `{ text, mode, placeholder, link, missing }`. */
function makePackage(pkgs, name, files, noarch) {
  const dist = `${name}-1.0-0`;
  const directory = join(pkgs, dist);
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const paths = Object.entries(files).map(([path, given]) => {
    const {
      text = "",
      mode = 0o644,
      placeholder,
      link,
      missing,
    } = typeof given === "string" ? { text: given } : given;
    const full = join(directory, path);
    mkdirSync(dirname(full), { recursive: true });
    if (link !== undefined && !missing) symlinkSync(link, full);
    if (link === undefined) {
      writeFileSync(full, text);
      chmodSync(full, mode);
      utimesSync(full, OLD, OLD);
    }
    return {
      _path: path,
      path_type: link === undefined ? "hardlink" : "softlink",
      sha256: sha256(text),
      size_in_bytes: text.length,
      ...(placeholder ? { prefix_placeholder: PLACEHOLDER, file_mode: "text" } : {}),
    };
  });
  const index = {
    name,
    version: "1.0",
    build: "0",
    build_number: 0,
    depends: [],
    subdir: "linux-64",
    noarch,
  };
  mkdirSync(join(directory, "info"), { recursive: true });
  writeFileSync(join(directory, "info/index.json"), JSON.stringify(index));
  writeFileSync(join(directory, "info/paths.json"), JSON.stringify({ paths, paths_version: 1 }));
  const fn = `${dist}.conda`;
  return {
    ...index,
    fn,
    url: `https://host/chan/linux-64/${fn}`,
    channel: "https://host/chan",
    md5: sha256(dist).slice(0, 32),
    extracted_package_dir: directory,
    package_tarball_full_path: join(pkgs, fn),
  };
}

async function clobberPolicy({ packages, shared_paths, expect }, library, state) {
  const box = sandbox(library, state);
  const made = packages.map((name) =>
    box.make(name, Object.fromEntries(shared_paths.map((path) => [path, name]))),
  );
  await box.set(made);
  if (!expect.conda.winner.startsWith("last linked")) return failed("conda has another policy");
  return all(
    shared_paths.map((path) => expectEqual(readFileSync(box.at(path), "utf8"), packages.at(-1), path)),
  );
}

async function missingSymlink(_item, library, state) {
  const box = sandbox(library, state);
  await box.set([box.make("a", { "lib/a": "a", "lib/gone": { link: "a", missing: true } })]);
  return expectEqual([existsSync(box.at("lib/a")), existsSync(box.at("lib/gone"))], [true, false]);
}

async function modificationTimes(_item, library, state) {
  const box = sandbox(library, state);
  const patched = { text: `#!${PLACEHOLDER}/bin/sh\n`, placeholder: true };
  await box.set([box.make("a", { "lib/plain": "plain", "bin/patched": patched })]);
  const age = (path) => Date.now() - lstatSync(box.at(path)).mtimeMs;
  return lstatSync(box.at("lib/plain")).mtimeMs === OLD.getTime() && age("bin/patched") < 600_000
    ? passed
    : failed(`ages in ms: plain ${age("lib/plain")}, patched ${age("bin/patched")}`);
}

async function unlinkRules(_item, library, state) {
  const box = sandbox(library, state);
  const a = box.make("a", { "lib/deep/er/a": "a", "lib/deep/gone": "gone" });
  const b = box.make("b", { "share/b": "b" });
  await box.set([a, b]);
  writeFileSync(box.at("share/mine"), "mine");
  rmSync(box.at("lib/deep/gone"));
  await box.set([]);
  const rules = [
    expectEqual([existsSync(box.at("lib")), existsSync(box.at("share/mine"))], [false, true], "left behind"),
  ];
  // Records of old conda: only `files`; and those of noarch packages, whose paths_data has the short paths.
  for (const paths of [undefined, [{ _path: "site-packages/x.py", path_type: "hardlink" }]]) {
    const file = "lib/python3.11/site-packages/x.py";
    await box.set([box.make("c", { [file]: "x" })]);
    const { paths_data: _, ...record } = box.record("c-1.0-0");
    const old = paths ? { ...record, paths_data: { paths_version: 1, paths } } : record;
    writeFileSync(box.at("conda-meta/c-1.0-0.json"), JSON.stringify(old));
    await box.set([]);
    rules.push(expectEqual(existsSync(box.at("lib/python3.11")), false, "removed by `files`"));
  }
  return all(rules);
}

async function historyFormat({ expect }, library, state) {
  const box = sandbox(library, state);
  const a = box.make("a", { "lib/a": "a" });
  await box.set([a]);
  await box.set([box.make("b", { "lib/b": "b" })]);
  const lines = readFileSync(box.at("conda-meta/history"), "utf8").trimEnd().split("\n");
  const block = lines.slice(lines.findLastIndex((line) => line.startsWith("==>")));
  const forms = [
    /^==> \d{4}-\d\d-\d\d \d\d:\d\d:\d\d <==$/,
    /^# cmd: taipan install x$/,
    /^# conda version: \d+\.\d+\.\d+$/,
  ];
  const wrong = forms.findIndex((form, i) => !form.test(block[i] ?? ""));
  if (wrong >= 0) return failed(`${block[wrong]} is no ${expect.lines[wrong - 1] ?? expect.block_header}`);
  return expectEqual(block.slice(3, 5), [
    "-https://host/chan/linux-64::a-1.0-0",
    "+https://host/chan/linux-64::b-1.0-0",
  ]);
}

async function scriptVariables({ expect }, library, state) {
  const box = sandbox(library, state);
  const script = '#!/bin/sh\nenv > "$PREFIX/script.env"\necho told > "$PREFIX/.messages.txt"\n';
  await box.set([box.make("a", { "bin/.a-post-link.sh": { text: script, mode: 0o755 } })]);
  const env = readFileSync(box.at("script.env"), "utf8");
  const missing = expect.always.filter((name) => !new RegExp(`^${name}=.`, "m").test(env));
  if (missing.length > 0) return failed(`not set: ${missing.join(" ")}`);
  return expectEqual(existsSync(box.at(".messages.txt")), false, ".messages.txt is removed");
}

async function environmentsTxt(_item, library, state) {
  const box = sandbox(library, state);
  const environmentsTxt = join(box.root, "environments.txt");
  const read = () => readFileSync(environmentsTxt, "utf8");
  await box.set([box.make("a", { "lib/a": "a" })], { environmentsTxt });
  const there = read();
  const pool = library.createPool({ size: 1, mode: "threads" });
  await library.removeEnvironment(
    box.prefix,
    { ...linkOptions, environmentsTxt },
    { pool, events: () => {} },
  );
  await pool.close();
  return expectEqual([there, read()], [`${box.prefix}\n`, ""]);
}

async function linkTypes({ expect }, library, state) {
  const type = async (options) => {
    const box = sandbox(library, state);
    await box.set([box.make("a", { "lib/a": "a" })], options);
    return box.record("a-1.0-0").link.type;
  };
  return expectEqual(
    {
      hardlink: await type({}),
      softlink: await type({ alwaysSoftlink: true }),
      copy: await type({ alwaysCopy: true }),
    },
    { hardlink: expect.hardlink, softlink: expect.softlink, copy: expect.copy },
  );
}

/** By the id of the case. */
export const LINK_FACTS = {
  "lf-clobber-rattler": clobberPolicy,
  "lf-missing-symlink": missingSymlink,
  "lf-mtime": modificationTimes,
  "lf-unlink-rules": unlinkRules,
  "lf-history-format": historyFormat,
  "lf-post-link-env": scriptVariables,
  "lf-environments-txt": environmentsTxt,
  "lf-link-types": linkTypes,
};
