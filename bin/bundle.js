// Loads the bundle's CommonJS chunks with V8's compiled code of the run before. Node.js 20 has no compile cache of its own;
// later ones keep theirs below the system's temporary directory, where on a shared machine anybody can lay out files before
// us: compiled code is run as it is found.
"use strict";

const fs = require("node:fs");
const { dirname, isAbsolute, join, posix } = require("node:path");
const { Script } = require("node:vm");

/** What compiled code is kept by: the commands that people repeat, and one name for all others. */
exports.nameOf = function nameOf(argv) {
  if (argv.includes("--help") || argv.length < 3) return "help";
  if (argv[2] === "--version") return "version";
  for (let i = 2; i < argv.length; i++) if (FREQUENT.test(argv[i])) return argv[i];
  return "other";
};

const FREQUENT =
  /^(?:activate|clean|config|create|deactivate|env|export|info|init|install|list|lock|remove|repoquery|run|search|shell|update)$/;
const LONG_RUN_SECONDS = 1.5;
const WORTH_WRITING = 1.02;

/**
 * A bundle. `entry` is its first file, whose first line names the build, and `name` stands for the chunks that are used together:
 * their compiled code is one file. `directory` holds the files, or is where they would be when `read` finds them elsewhere.
 */
exports.openBundle = function openBundle(directory, entry, name, options = {}) {
  const { read = readFrom(directory), requireOther = require } = options;
  const source = read(entry);
  const folder = cacheFolder(process.env, /^\/\/ build (\w+)/.exec(source)?.[1]);
  const file = folder && join(folder, name);
  const known = (folder && readCompiled(folder, file)) || new Map();
  const chunks = new Map();
  let news = false;

  /** `id`: path in the bundle, with slashes. */
  function load(id) {
    const found = chunks.get(id);
    if (found) return found.exports;
    const filename = join(directory, id);
    const cachedData = known.get(id);
    const text = id === entry ? source : read(id);
    const script = new Script(`(function (exports, require, __filename, __dirname) {${text}\n})`, {
      filename,
      cachedData,
    });
    if (!cachedData || script.cachedDataRejected) news = true;
    const chunk = { exports: {}, script };
    chunks.set(id, chunk);
    const requireChunk = (wanted) =>
      wanted.startsWith(".") ? load(posix.join(posix.dirname(id), wanted)) : requireOther(wanted);
    script.runInThisContext()(chunk.exports, requireChunk, filename, dirname(filename));
    return chunk.exports;
  }

  return {
    load: () => load(entry),
    /**
     * Keeps what was compiled for the next run, when this one loaded something new; it takes some 15 ms. A long run may have
     * compiled more functions of what was loaded before: it looks. It is no failure when nothing can be kept.
     */
    keepCompiled() {
      if (!folder || !(news || process.uptime() > LONG_RUN_SECONDS)) return;
      const parts = new Map(known);
      for (const [id, { script }] of chunks) parts.set(id, script.createCachedData());
      if (!news && sizeOf(parts) < sizeOf(known) * WORTH_WRITING) return;
      try {
        writeCompiled(folder, file, parts);
      } catch {}
    },
  };
};

/** The build escapes what is not ASCII, so every string is one byte a character. */
function readFrom(directory) {
  return (id) => fs.readFileSync(join(directory, id), "latin1");
}

/**
 * Where compiled code for this build and this Node.js is kept: the user's own cache directory. V8 checks its version, its flags
 * and the length of the source, but not the source.
 */
function cacheFolder(env, build) {
  if (!build || env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  const home = env.HOME;
  const base =
    process.platform === "win32"
      ? env.LOCALAPPDATA
      : env.XDG_CACHE_HOME ||
        (home && join(home, process.platform === "darwin" ? "Library/Caches" : ".cache"));
  if (!base || !isAbsolute(base)) return undefined;
  const flags = [...process.execArgv, env.NODE_OPTIONS ?? ""].join(" ").trim();
  const node = `${process.version}-${process.arch}${flags ? `-${textHash(flags)}` : ""}`;
  return join(base, "taipan", "compiled", `${build}-${node}`);
}

/** FNV-1a; node:crypto takes 4 ms to load. */
function textHash(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash.toString(16);
}

/** Compiled code is run as it is: only what this user alone can have written is read. */
function isOurs(stats) {
  return process.platform === "win32" || (stats.uid === process.geteuid() && (stats.mode & 0o022) === 0);
}

/**
 * File: length of the header (4 bytes, little endian), the header `[[chunk, length], ...]` as JSON, the code of the chunks. It
 * appears by a rename, so it is whole.
 */
function readCompiled(folder, file) {
  let handle;
  try {
    const directory = fs.lstatSync(folder);
    if (!directory.isDirectory() || !isOurs(directory)) return undefined;
    handle = fs.openSync(file, fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0));
    const stats = fs.fstatSync(handle);
    if (!stats.isFile() || !isOurs(stats)) return undefined;
    const bytes = Buffer.allocUnsafeSlow(stats.size);
    if (fs.readSync(handle, bytes, 0, stats.size, 0) !== stats.size) return undefined;
    let at = 4 + bytes.readUInt32LE(0);
    const parts = new Map();
    for (const [id, length] of JSON.parse(bytes.latin1Slice(4, at))) {
      parts.set(id, bytes.subarray(at, at + length));
      at += length;
    }
    return at === stats.size ? parts : undefined;
  } catch {
    return undefined;
  } finally {
    if (handle !== undefined) fs.closeSync(handle);
  }
}

function sizeOf(parts) {
  let size = 0;
  for (const bytes of parts.values()) size += bytes.length;
  return size;
}

function writeCompiled(folder, file, parts) {
  if (!ownsPlaceOf(folder)) return;
  if (fs.mkdirSync(folder, { recursive: true, mode: 0o700 })) removeOld(dirname(folder), folder);
  const directory = fs.lstatSync(folder);
  if (!directory.isDirectory() || !isOurs(directory)) return;
  const header = Buffer.from(JSON.stringify([...parts].map(([id, bytes]) => [id, bytes.length])), "latin1");
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const fresh = `${file}.${process.pid}`;
  try {
    fs.writeFileSync(fresh, Buffer.concat([length, header, ...parts.values()]), { mode: 0o600, flag: "wx" });
    fs.renameSync(fresh, file);
  } catch (error) {
    fs.rmSync(fresh, { force: true });
    throw error;
  }
}

/** `sudo` may leave HOME as it was: root makes nothing in the home of a user, who could not remove it. */
function ownsPlaceOf(folder) {
  if (process.platform === "win32") return true;
  let path = folder;
  while (!fs.existsSync(path)) path = dirname(path);
  return fs.statSync(path).uid === process.geteuid();
}

const HOUR = 3600 * 1000;
const MONTH = 30 * 24 * HOUR;
const OTHERS = 3;

/**
 * With a new build or a new Node.js, what others left a month ago goes, and all but the latest few of what is older than an
 * hour: versions that are used side by side do not take turns in removing each other's.
 */
function removeOld(parent, kept) {
  const others = [];
  for (const name of fs.readdirSync(parent)) {
    const path = join(parent, name);
    if (path !== kept) others.push({ path, age: Date.now() - fs.lstatSync(path).mtimeMs });
  }
  others.sort((a, b) => a.age - b.age);
  for (const [i, { path, age }] of others.entries())
    if (age > MONTH || (i >= OTHERS && age > HOUR)) fs.rmSync(path, { recursive: true, force: true });
}
