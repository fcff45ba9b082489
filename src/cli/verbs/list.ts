import { type ListResult, list } from "../../commands/list.ts";
import { platformOf } from "../../commands/solve-change.ts";
import { linkOrder } from "../../solve/order.ts";
import { redactUrl } from "../../specs/credentials.ts";
import type { PrefixRecord } from "../../specs/records.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import { listDocument } from "../render/json.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const result = await list(
    {
      target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
      pattern: invocation.args[0],
      fullName: flag(invocation, "fullName"),
      reverse: flag(invocation, "reverse"),
    },
    session.context,
  );
  if (flag(invocation, "revisions")) printRevisions(result, session);
  else if (flag(invocation, "explicit")) printExplicit(result, invocation, session);
  else if (flag(invocation, "canonical"))
    printLines(
      result.records.map(
        (record) => `${record.channel}/${record.subdir}::${record.name}-${record.version}-${record.build}`,
      ),
      session,
    );
  else if (flag(invocation, "export")) printExport(result, session);
  else printTable(result, session);
  return EXIT.ok;
}

function printLines(lines: readonly string[], session: Session): void {
  if (session.json) session.printJson(lines);
  else if (lines.length) session.print(lines.join("\n"));
}

function printTable(result: ListResult, session: Session): void {
  if (session.json) {
    session.printJson(result.records.map(listDocument));
    return;
  }
  session.say(`Packages in ${result.prefix}:\n`);
  const rows = result.records.map((record) => [
    record.name,
    record.version,
    record.build,
    channelName(record),
  ]);
  session.print(
    renderTable(
      [{ title: "Name" }, { title: "Version" }, { title: "Build" }, { title: "Channel" }],
      rows,
    ).join("\n"),
  );
}

function channelName(record: PrefixRecord): string {
  return redactUrl(record.channel).replace(/^https:\/\/conda\.anaconda\.org\//, "");
}

/** The @EXPLICIT form (CEP 23): dependencies first, so that it can be linked in order. */
function printExplicit(result: ListResult, invocation: Invocation, session: Session): void {
  const hash = (record: PrefixRecord) =>
    flag(invocation, "sha256")
      ? `#sha256:${record.sha256 ?? ""}`
      : flag(invocation, "md5")
        ? `#${record.md5 ?? ""}`
        : "";
  const lines = linkOrder(result.records).map(
    (record) => redactUrl(record.url) + hash(record as PrefixRecord),
  );
  if (session.json) session.printJson(lines);
  else
    session.print(
      [
        "# This file may be used to create an environment using:",
        "# $ taipan create --name <env> --file <this file>",
        `# platform: ${platformOf(session.context)}`,
        "@EXPLICIT",
        ...lines,
      ].join("\n"),
    );
}

function printExport(result: ListResult, session: Session): void {
  const lines = result.records.map((record) => `${record.name}=${record.version}=${record.build}`);
  if (session.json) session.printJson(lines);
  else
    session.print(
      [
        "# This file may be used to create an environment using:",
        "# $ taipan create --name <env> --file <this file>",
        `# platform: ${platformOf(session.context)}`,
        ...lines,
      ].join("\n"),
    );
}

function printRevisions(result: ListResult, session: Session): void {
  const { revisions } = result.state.history;
  if (session.json) {
    session.printJson(
      revisions.map(({ date, linked, unlinked }, rev) => ({ date, install: linked, remove: unlinked, rev })),
    );
    return;
  }
  const blocks = revisions.map(({ date, linked, unlinked }, rev) =>
    [
      `${date}  (rev ${rev})`,
      ...unlinked.map((dist) => `    -${dist}`),
      ...linked.map((dist) => `    +${dist}`),
    ].join("\n"),
  );
  session.print(blocks.join("\n\n"));
}
