// Runs conformance cases: every case of every *.jsonl file below a directory, through the library's public functions.
//   npm run conformance -- [DIR] [--json] [--only FILE...] [--library FILE]
// Each kind of file has an adapter in scripts/conformance/<kind>.mjs that exports run(case, context) -> {status, detail}.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Which adapter runs a file: by its own name, or by the name of a folder above it. */
const KINDS = [
  "versions",
  "version_specs",
  "matchspecs",
  "channels",
  "env_specs",
  "solver",
  "activation",
  "config",
  "linking",
  "cli_json",
];
const SHOWN_DETAILS = 40;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      only: { type: "string", multiple: true },
      library: { type: "string", default: join(root, "dist", "index.js") },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return usage(0);
  if (positionals.length > 1) return usage(2);
  const directory = resolve(positionals[0] ?? join(root, "..", "shared", "conformance"));
  if (!existsSync(directory))
    return stop(`there is no directory \`${directory}\``, "give the directory that holds the cases");
  if (!existsSync(values.library))
    return stop(`the library \`${values.library}\` is not built`, "run `npm run build`");

  const library = await import(pathToFileURL(resolve(values.library)).href);
  const wanted =
    values.only === undefined
      ? () => true
      : (name) =>
          values.only.some((part) => name === part || name.startsWith(`${part}/`) || kindOf(name) === part);
  const files = findCaseFiles(directory).filter(wanted);
  if (files.length === 0)
    return stop(`no case files in \`${directory}\``, "cases are in *.jsonl files, one JSON object a line");

  const report = {};
  const details = [];
  for (const name of files) report[name] = await runFile(name, { directory, library, root }, details);
  if (values.json) process.stdout.write(`${JSON.stringify({ files: report })}\n`);
  else printReport(report, details);
  const failed = Object.values(report).reduce((sum, { failed }) => sum + failed, 0);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** Runs the cases of one file in order; one case's crash is that case's failure. */
async function runFile(name, base, details) {
  const counts = { passed: 0, failed: 0, disputed: 0, skipped: 0, ids: [] };
  const fail = (id, detail) => {
    counts.failed++;
    counts.ids.push(id);
    details.push({ name, id, detail });
  };
  const { cases, broken } = readCases(join(base.directory, name));
  for (const { line, message } of broken) fail(`line ${line}`, message);

  const kind = kindOf(name);
  const adapterPath = kind && join(base.root, "scripts", "conformance", `${kind}.mjs`);
  if (!adapterPath || !existsSync(adapterPath)) {
    counts.skipped = cases.length;
    details.push({
      name,
      id: "*",
      detail: kind
        ? `skipped: there is no adapter for \`${kind}\` yet`
        : "skipped: not a known kind of case file",
    });
    return counts;
  }
  const adapter = await import(pathToFileURL(adapterPath).href);
  const context = { ...base, file: join(base.directory, name), name, cases, state: undefined };
  context.state = await adapter.prepare?.(context);
  try {
    for (const item of cases) {
      const { status, detail, prose } = await runCase(adapter, item, context);
      const id = String(item.id ?? "without id");
      // Peers disagree on these, so they are run (they must not hang or crash the runner) and counted apart.
      if (isDisputed(item)) counts.disputed++;
      else if (item.confidence === "api-level" || item.confidence === "disputed") counts.skipped++;
      else if (status === "passed") counts.passed++;
      else if (status === "skipped" && (maySkip(item) || (prose && item.input === undefined)))
        counts.skipped++;
      else fail(id, status === "skipped" ? `skipped without a reason in the case: ${detail}` : detail);
    }
  } finally {
    await adapter.finish?.(context);
  }
  return counts;
}

async function runCase(adapter, item, context) {
  try {
    return await adapter.run(item, context);
  } catch (error) {
    return { status: "failed", detail: `threw ${error?.stack ?? error}` };
  }
}

function isDisputed({ disputed }) {
  return Array.isArray(disputed) ? disputed.length > 0 : Boolean(disputed);
}

/** A case says itself when it may be skipped; prose facts hold nothing that could be run. */
function maySkip(item) {
  return item.requires !== undefined || (item.statement !== undefined && item.input === undefined);
}

function readCases(path) {
  const cases = [];
  const broken = [];
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      cases.push(JSON.parse(line));
    } catch (error) {
      broken.push({ line: index + 1, message: `not JSON: ${error.message}` });
    }
  }
  return { cases, broken };
}

/** Every *.jsonl below the directory, as paths with `/`, sorted. */
function findCaseFiles(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".jsonl"))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}

function kindOf(name) {
  const parts = name.split("/").map((part) => basename(part, ".jsonl"));
  return parts.findLast((part) => KINDS.includes(part));
}

function printReport(report, details) {
  const names = Object.keys(report);
  const width = Math.max(...names.map((name) => name.length), 4);
  const row = (name, cells) =>
    `${name.padEnd(width)}  ${cells.map((cell) => String(cell).padStart(10)).join("")}`;
  console.log(row("file", ["passed", "failed", "disputed", "skipped"]));
  const total = [0, 0, 0, 0];
  for (const name of names) {
    const { passed, failed, disputed, skipped } = report[name];
    for (const [i, count] of [passed, failed, disputed, skipped].entries()) total[i] += count;
    console.log(row(name, [passed, failed, disputed, skipped]));
  }
  console.log(row("total", total));
  for (const { name, id, detail } of details.slice(0, SHOWN_DETAILS))
    console.log(`${name}: ${id}: ${String(detail).slice(0, 600)}`);
  if (details.length > SHOWN_DETAILS) {
    console.log(`... and ${details.length - SHOWN_DETAILS} more:`);
    for (const name of names)
      if (report[name].ids.length > 0) console.log(`${name}: ${report[name].ids.join(" ")}`);
  }
}

function usage(code) {
  (code === 0 ? console.log : console.error)(
    "usage: npm run conformance -- [DIR] [--json] [--only FILE] [--library FILE]",
  );
  process.exitCode = code;
}

function stop(message, hint) {
  console.error(`error: ${message}\nhint: ${hint}`);
  process.exitCode = 2;
}

await main().catch((error) => stop(error.message, "see --help"));
