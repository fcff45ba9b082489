import { asMicromamba } from "../../commands/context.ts";
import { type RepoqueryKind, type RepoqueryResult, repoquery } from "../../commands/repoquery.ts";
import { searchEnvironments } from "../../commands/search-environments.ts";
import { ToolError } from "../../errors.ts";
import { plainRecord } from "../../specs/package-index.ts";
import type { RepoDataRecord } from "../../specs/records.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, list, text } from "../invocation.ts";
import { packageDocument } from "../render/json.ts";
import { shortChannelName } from "../render/package-list.ts";
import { noneFound, queryDocument, recordDetails, recordTable, renderTree } from "../render/query.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";
import type { Colors } from "../terminal.ts";

/** `search`, and `repoquery search|depends|whoneeds`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  if (flag(invocation, "envs")) return searchEverywhere(invocation, session);
  const tree = flag(invocation, "tree");
  const recursive = flag(invocation, "recursive") || tree;
  const last = invocation.path.at(-1);
  // `search --tree` asks what the found package needs, as in mamba.
  const kind: RepoqueryKind =
    last === "depends" || last === "whoneeds" ? last : recursive ? "depends" : "search";
  const pretty = flag(invocation, "pretty");
  const ask = (specs: readonly string[]) =>
    repoquery(
      {
        kind,
        specs,
        channels: list(invocation, "channel"),
        target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
        where: where(invocation, last === "search" && kind === "depends"),
        recursive: recursive || (pretty && kind !== "search"),
      },
      session.context,
    );
  const asConda = invocation.name === "conda" && kind === "search";
  let result = await ask(invocation.args);
  const parts = asConda && !flag(invocation, "fullName") ? partsOfNames(invocation.args) : undefined;
  if (parts && result.records.length === 0) {
    const more = await ask(parts);
    const found = more.records.length > 0;
    (found ? result : more).close();
    if (found) result = more;
  }
  try {
    return await show(result, invocation, session);
  } finally {
    result.close();
  }
}

async function show(result: RepoqueryResult, invocation: Invocation, session: Session): Promise<number> {
  const asConda = invocation.name === "conda" && result.kind === "search";
  session.settle();
  if (asConda && result.records.length === 0) throw nothingFound(result);
  if (session.json) {
    await session.printLongJson(asConda ? condaDocument(result) : queryDocument(result));
    return EXIT.ok;
  }
  if (result.records.length === 0) return sayNone(result, session);
  await session.printLines(render(result, invocation, session));
  return EXIT.ok;
}

/** conda takes what is no name for a part of one; undefined for what is more than a name. */
function partsOfNames(specs: readonly string[]): string[] | undefined {
  return specs.length > 0 && specs.every((spec) => /^[\w.-]+$/.test(spec))
    ? specs.map((spec) => `*${spec}*`)
    : undefined;
}

function where(invocation: Invocation, searchTree: boolean): "local" | "remote" | undefined {
  const local = flag(invocation, "local");
  const remote = flag(invocation, "remote");
  if (local && remote) throw new ToolError("usage", "--local and --remote exclude each other");
  if (local) {
    if (text(invocation, "platform") !== undefined)
      throw new ToolError("usage", "an environment is of one platform", {
        hint: "leave out --platform or --local",
      });
    return "local";
  }
  return remote || searchTree || text(invocation, "platform") !== undefined ? "remote" : undefined;
}

function sayNone(result: RepoqueryResult, session: Session): number {
  if (asMicromamba(session.context)) {
    // For micromamba this is an answer like any other.
    session.print(noneFound(result));
    if (result.local) session.print("\nTry looking remotely with '--remote'.");
    return EXIT.ok;
  }
  session.say(noneFound(result));
  if (result.similar.length)
    session.say(`hint: did you mean ${result.similar.map((name) => `\`${name}\``).join(", ")}?`);
  else if (result.local)
    session.say("hint: this looked at installed packages; --remote looks in the channels");
  return EXIT.failure;
}

function render(result: RepoqueryResult, invocation: Invocation, session: Session): Iterable<string> {
  const pretty = flag(invocation, "pretty");
  const { kind, records } = result;
  const table = { subdirs: asMicromamba(session.context), available: session.out.columns() };
  if (kind !== "search" && (pretty || flag(invocation, "tree"))) return renderTree(result.tree, session.out);
  if (kind === "whoneeds") return recordTable(records, table, new Set(result.tree.map(({ name }) => name)));
  if (kind === "depends")
    return recordTable(
      [...records].sort((a, b) => (a.name < b.name ? -1 : 1)),
      table,
    );
  const ordered = invocation.name === "conda" ? [...records].reverse() : records;
  if (pretty || flag(invocation, "info")) return details(ordered, session.out.colors);
  return recordTable(ordered, table);
}

function* details(records: readonly RepoDataRecord[], colors: Colors): Generator<string> {
  for (const [i, record] of records.entries()) {
    if (i > 0) yield "";
    yield* recordDetails(plainRecord(record), colors);
  }
}

/** For conda a search without a hit is a failure. */
function nothingFound(result: RepoqueryResult): ToolError {
  return new ToolError("package-not-found", noneFound(result), {
    hint: result.similar.length
      ? `did you mean ${result.similar.map((name) => `\`${name}\``).join(", ")}?`
      : undefined,
    details: { packages: result.query.split(" "), similar: result.similar },
  });
}

/** conda's `search --json`: records by name, oldest first, as repodata has them. */
function condaDocument(result: RepoqueryResult): Record<string, unknown> {
  const byName = new Map<string, RepoDataRecord[]>();
  for (const record of [...result.records].reverse()) {
    const known = byName.get(record.name);
    if (known) known.push(record);
    else byName.set(record.name, [record]);
  }
  return Object.fromEntries([...byName].map(([name, records]) => [name, condaRecords(records)]));
}

function* condaRecords(records: readonly RepoDataRecord[]): Generator<Record<string, unknown>> {
  for (const outline of records) {
    const record = plainRecord(outline);
    const channel = `${record.channel}/${record.subdir}`;
    yield { ...record, channel, arch: record.arch ?? null, platform: record.platform ?? null };
  }
}

/** conda's `search --envs`: in which environments a package is installed. */
async function searchEverywhere(invocation: Invocation, session: Session): Promise<number> {
  if (invocation.name === "conda" && !session.json)
    session.say(`Searching environments for ${invocation.args.join(" ")}: done`);
  const found = await searchEnvironments(invocation.args, session.context);
  if (session.json) {
    session.printJson(
      found.map(({ prefix, records }) => ({
        location: prefix,
        package_records: records.map(packageDocument),
      })),
    );
    return EXIT.ok;
  }
  if (found.length === 0) {
    session.say(`No environment has ${invocation.args.map((spec) => `\`${spec}\``).join(", ")}.`);
    return EXIT.failure;
  }
  const rows = found.flatMap(({ prefix, records }) =>
    records.map((record) => [
      record.name,
      record.version,
      record.build,
      shortChannelName(record.channel),
      prefix,
    ]),
  );
  const titles = ["Name", "Version", "Build", "Channel", "Environment"];
  session.print(
    renderTable(
      titles.map((title) => ({ title })),
      rows,
      { available: session.out.columns(), dispensable: [2, 3] },
    ).join("\n"),
  );
  return EXIT.ok;
}
