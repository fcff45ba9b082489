import { asMicromamba, platformOf } from "../../commands/context.ts";
import { installedSize, type ListResult, list } from "../../commands/list.ts";
import { ToolError } from "../../errors.ts";
import { linkOrder } from "../../solve/order.ts";
import { redactUrl } from "../../specs/credentials.ts";
import { explicitLine } from "../../specs/export/explicit.ts";
import { similarNames } from "../../specs/names.ts";
import { formatBytes } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import {
  condaList,
  LIST_FIELDS,
  type ListField,
  listCells,
  listColumns,
  listEntry,
  listedPackages,
} from "../render/package-list.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";
import { printable } from "../terminal.ts";

const FORMS = ["explicit", "canonical", "export", "revisions"] as const;

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const form = FORMS.find((name) => flag(invocation, name));
  const fields = chosenFields(invocation);
  if (form && (fields || flag(invocation, "size"))) {
    throw new ToolError("usage", `--${fields ? "fields" : "size"} is for the table, not for --${form}`);
  }
  if (form === "explicit" && flag(invocation, "md5") && flag(invocation, "sha256"))
    throw new ToolError("usage", "only one of --md5 and --sha256 can be specified at the same time");
  const result = await list(
    {
      target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
      pattern: invocation.args[0],
      fullName: flag(invocation, "fullName"),
      pip: invocation.options["pip"] !== false,
    },
    session.context,
  );
  const pattern = invocation.args[0];
  if (
    pattern !== undefined &&
    !session.json &&
    session.context.dialect === "conda" &&
    result.records.length + result.pip.length === 0
  )
    throw new ToolError("package-not-installed", `no package matches \`${pattern}\``, {
      hint: "`conda list` shows all",
      details: { exception_name: "CondaValueError", pattern },
    });
  const reverse = flag(invocation, "reverse");
  const ordered = reverse
    ? <T>(items: readonly T[]) => [...items].reverse()
    : <T>(items: readonly T[]) => [...items];
  if (form === "revisions") printRevisions(result, ordered, session);
  else if (form === "explicit") printExplicit(ordered(explicitLines(result, invocation)), session);
  else if (form === "canonical") printLines(ordered(result.records.map(canonicalName)), session);
  else if (form === "export") printExport(result, reverse, session);
  else printTable(result, { fields, reverse, size: flag(invocation, "size"), invocation }, session);
  return EXIT.ok;
}

function chosenFields(invocation: Invocation): ListField[] | undefined {
  const given = text(invocation, "fields");
  if (given === undefined) return undefined;
  return given.split(",").map((name) => {
    const field = name.trim().replaceAll("-", "_");
    if (Object.hasOwn(LIST_FIELDS, field)) return field as ListField;
    const near = similarNames(field, Object.keys(LIST_FIELDS));
    throw new ToolError("usage", `\`${name.trim()}\` is no field of a package`, {
      hint: near.length ? `did you mean \`${near[0]}\`?` : `known are ${Object.keys(LIST_FIELDS).join(", ")}`,
    });
  });
}

interface TableOptions {
  fields: ListField[] | undefined;
  reverse: boolean;
  size: boolean;
  invocation: Invocation;
}

function printTable(
  result: ListResult,
  { fields, reverse, size, invocation }: TableOptions,
  session: Session,
): void {
  const items = listedPackages(result, reverse);
  if (session.json) {
    session.printJson(items.map((item) => listEntry(item, fields, size)));
    return;
  }
  const shown: ListField[] = fields ?? ["name", "version", "build", "channel"];
  if (!fields && size) shown.push("size");
  if (!fields) for (const hash of ["md5", "sha256"] as const) if (flag(invocation, hash)) shown.push(hash);
  const urls = session.config.values.showChannelUrls;
  if (session.context.dialect === "conda") {
    session.print(
      condaList(
        result.prefix,
        shown,
        items.map((item) => listCells(item, shown, urls)),
      ),
    );
    return;
  }
  const pattern = invocation.args[0];
  if (pattern !== undefined && items.length === 0) {
    session.say(`No package in ${result.prefix} matches \`${printable(pattern)}\`.`);
    return;
  }
  session.say(`Packages in ${result.prefix}:\n`);
  session.print(
    renderTable(
      listColumns(shown),
      items.map((item) => listCells(item, shown, urls)),
      // Those who chose the columns want them all.
      { available: session.out.columns(), dispensable: fields ? [] : [2, 3] },
    ).join("\n"),
  );
  if (!size) return;
  const bytes =
    result.records.reduce((sum, record) => sum + installedSize(record), 0) +
    result.pip.reduce((sum, item) => sum + (item.size ?? 0), 0);
  session.say(`\nTotal: ${formatBytes(bytes)}`);
}

function canonicalName(record: ListResult["records"][number]): string {
  return `${redactUrl(record.channel)}/${record.subdir}::${record.name}-${record.version}-${record.build}`;
}

function printLines(lines: readonly string[], session: Session): void {
  if (session.json) session.printJson(lines);
  else if (lines.length) session.print(lines.join("\n"));
}

function fileHeader(session: Session): string[] {
  return [
    "# This file may be used to create an environment using:",
    "# $ taipan create --name <env> --file <this file>",
    `# platform: ${platformOf(session.context)}`,
  ];
}

/** The @EXPLICIT form (CEP 23): dependencies first, so that it can be linked in order. */
function explicitLines(result: ListResult, invocation: Invocation): string[] {
  const hash = flag(invocation, "sha256") ? "sha256" : flag(invocation, "md5") ? "md5" : "none";
  return linkOrder(result.records).map((record) => explicitLine(record, hash));
}

function printExplicit(lines: readonly string[], session: Session): void {
  if (session.json) session.printJson(lines);
  else session.print([...fileHeader(session), "@EXPLICIT", ...lines].join("\n"));
}

function printExport(result: ListResult, reverse: boolean, session: Session): void {
  const lines = listedPackages(result, reverse).map(
    ({ name, version, build }) => `${name}=${String(version)}=${String(build)}`,
  );
  if (session.json) session.printJson(lines);
  else session.print([...fileHeader(session), ...lines].join("\n"));
}

function printRevisions(
  result: ListResult,
  ordered: <T>(items: readonly T[]) => T[],
  session: Session,
): void {
  const revisions = ordered(
    result.state.history.revisions.map(({ date, linked, unlinked }, rev) => ({
      date,
      install: linked,
      remove: unlinked,
      rev,
    })),
  );
  if (session.json) {
    session.printJson(revisions);
    return;
  }
  const indent = asMicromamba(session.context) ? "" : "    ";
  const blocks = revisions.map(({ date, install, remove, rev }) =>
    [
      `${date}  (rev ${rev})`,
      ...remove.map((dist) => `${indent}-${dist}`),
      ...install.map((dist) => `${indent}+${dist}`),
    ].join("\n"),
  );
  session.print(blocks.join("\n\n"));
}
