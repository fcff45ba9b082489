// The CLI's bundle: CommonJS chunks, dependencies included, in the form that bin/bundle.js loads.
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rolldown } from "rolldown";

/** Parts that stay in node_modules: a native add-on, and encoders of megabytes that hardly anybody needs. */
const OUTSIDE = ["@toondepauw/node-zstd", "libbzip2-wasm", "zstd-codec"];

/** Modules of Node.js that every run has loaded anyway. The others cost up to 4 ms each and load with their first use. */
const AT_HAND = new Set(["path", "fs", "os", "url", "events", "buffer"]);

/** commander loads node:child_process for subcommands that are programs of their own. There are none, and it takes 3 ms. */
const unusedByCommander = (id, importer) =>
  id === "node:child_process" && /[\\/]commander[\\/]/.test(importer ?? "");
const NOTHING = "\0nothing";
const commanderAlone = {
  name: "commander-alone",
  resolveId: (id, importer) => (unusedByCommander(id, importer) ? NOTHING : undefined),
  load: (id) => (id === NOTHING ? "export default {};" : undefined),
};

/** Writes the bundle into `directory`: `main.cjs`, `tasks.cjs` (what worker threads do), `worker.cjs` (starts them), `chunks/`. */
export async function writeCliBundle(directory, { root, outside = OUTSIDE }) {
  const bundle = await rolldown({
    cwd: root,
    platform: "node",
    input: { main: "src/cli/main.ts", tasks: "src/worker.ts" },
    external: (id, importer) =>
      (id.startsWith("node:") && !unusedByCommander(id, importer)) ||
      outside.some((name) => id === name || id.startsWith(`${name}/`)),
    logLevel: "warn",
    plugins: [commanderAlone],
  });
  const { output } = await bundle.generate({
    format: "cjs",
    sourcemap: false,
    dynamicImportInCjs: false,
    entryFileNames: "[name].cjs",
    chunkFileNames: "chunks/[name]-[hash].cjs",
  });
  await bundle.close();
  const files = new Map(
    output.map(({ fileName, code }) => [fileName, asciiOnly(lazyBuiltins(code), fileName)]),
  );
  const hash = createHash("sha256");
  for (const [name, code] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name}\0${code}\0`);
  const build = hash.digest("hex").slice(0, 16);
  for (const name of ["main.cjs", "tasks.cjs"]) files.set(name, `// build ${build}\n${files.get(name)}`);
  files.set("worker.cjs", WORKER);
  mkdirSync(join(directory, "chunks"), { recursive: true });
  for (const [name, code] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), code);
  }
}

const WORKER = `require("../../bin/bundle.js").openBundle(__dirname, "tasks.cjs", "worker").load();\n`;

/** \`let node_tls = require("node:tls");\` at the top of a chunk becomes a function that requires it when it is first used. */
function lazyBuiltins(code) {
  const declared = /^let (node_\w+) = require\("node:([\w/]+)"\);\n(?:\1 = (.*)\(\1, 1\);\n)?/gm;
  const lazy = new Map();
  const rest = code.replace(declared, (whole, variable, name, wrap) => {
    if (AT_HAND.has(name)) return whole;
    const value = wrap ? `${wrap}(require("node:${name}"), 1)` : `require("node:${name}")`;
    lazy.set(variable, value);
    return "";
  });
  let result = rest;
  let head = "";
  for (const [variable, value] of lazy) {
    // In brackets, for `new node_worker_threads.Worker()`.
    if (new RegExp(`[{,]\\s*${variable}\\s*[,}:]`).test(rest))
      throw new Error(`\`${variable}\` is a property`);
    result = result.replace(new RegExp(`(?<![\\w$.])${variable}(?![\\w$])`, "g"), `(${variable}())`);
    head += `let ${variable}$value; const ${variable} = () => ${variable}$value ??= ${value};\n`;
  }
  return head + result;
}

/** Escapes what is not ASCII: text of one byte a character is read and hashed at once. */
function asciiOnly(code, name) {
  if (/\\[^\0-\x7f]|String\.raw`[^`]*[^\0-\x7f]/.test(code))
    throw new Error(`${name}: cannot escape all of it`);
  return code.replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
