import type { ChangeOutcome } from "../../commands/change.ts";
import { oldRecords } from "../../plan/transaction.ts";
import { linkOrder } from "../../solve/order.ts";
import type { RepoDataRecord } from "../../specs/records.ts";

/**
 * A package in micromamba's JSON: every key of the record plus `build_string`; `timestamp` in seconds.
 */
export function packageDocument(record: RepoDataRecord): Record<string, unknown> {
  const timestamp = record.timestamp ?? 0;
  return {
    build: record.build,
    build_number: record.build_number,
    build_string: record.build,
    channel: record.channel,
    constrains: record.constrains ?? [],
    depends: record.depends,
    fn: record.fn,
    license: record.license ?? "",
    md5: record.md5 ?? "",
    name: record.name,
    ...(record.noarch ? { noarch: record.noarch } : {}),
    sha256: record.sha256 ?? "",
    size: record.size ?? 0,
    subdir: record.subdir,
    timestamp: timestamp > 253_402_300_799 ? Math.floor(timestamp / 1000) : timestamp,
    track_features: record.track_features ?? "",
    url: record.url,
    version: record.version,
  };
}

/** conda's short form of a package, as `list --json` prints it. */
export function listDocument(record: RepoDataRecord): Record<string, unknown> {
  const channel = record.channel.replace(/\/$/, "");
  return {
    base_url: record.url ? record.url.slice(0, record.url.lastIndexOf("/")).replace(/\/[^/]+$/, "") : channel,
    build_number: record.build_number,
    build_string: record.build,
    channel,
    dist_name: `${record.name}-${record.version}-${record.build}`,
    md5: record.md5 ?? "",
    name: record.name,
    platform: record.subdir,
    sha256: record.sha256 ?? "",
    url: record.url,
    version: record.version,
  };
}

/**
 * The document of create, install, update and remove: `actions` with FETCH, LINK, UNLINK and PREFIX; empty lists are left out.
 * With `whole` (create), LINK names every package of the environment in link order, also those that were there already:
 * programs read the new environment from it. By conda's name packages also have the keys that conda gives them here; by
 * micromamba's their URLs are as micromamba writes them, with the `!` of an epoch as `%21`.
 */
export function changeDocument(
  outcome: ChangeOutcome,
  { whole = false, dialect = "taipan" }: { whole?: boolean; dialect?: string | undefined } = {},
): Record<string, unknown> {
  const { plan, dryRun } = outcome;
  const { operations, unchanged } = plan.transaction;
  const added = operations.flatMap((operation) => (operation.new ? [operation.new] : []));
  const link = whole ? linkOrder<RepoDataRecord>([...added, ...unchanged]) : added;
  const unlink = oldRecords(plan.transaction).reverse();
  const document = DOCUMENTS[dialect] ?? packageDocument;
  const base = { dry_run: dryRun, prefix: plan.prefix, success: true };
  if (operations.length === 0 && link.length === 0 && !plan.fresh)
    return { ...base, message: `All requested packages already installed${dialect === "conda" ? "." : ""}` };
  return {
    actions: {
      // micromamba's dry run of an empty environment has an empty list.
      ...(plan.fetch.length || (dryRun && operations.length === 0)
        ? { FETCH: plan.fetch.map(document) }
        : {}),
      ...(link.length ? { LINK: link.map(document) } : {}),
      ...(unlink.length ? { UNLINK: unlink.map(document) } : {}),
      PREFIX: plan.prefix,
    },
    ...base,
  };
}

type PackageDocument = typeof packageDocument;

const encodedDocument: PackageDocument = (record) =>
  packageDocument({ ...record, url: record.url.replaceAll("!", "%21") });

const condaDocument: PackageDocument = (record) => {
  const { base_url, dist_name, platform } = listDocument(record);
  return { ...packageDocument(record), base_url, dist_name, platform };
};

/** Of the names that the program is run by, those under which packages are not as `packageDocument` has them. */
const DOCUMENTS: Readonly<Record<string, PackageDocument>> = {
  conda: condaDocument,
  mamba: encodedDocument,
  micromamba: encodedDocument,
};
