import { createHash } from "node:crypto";
import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { ensureSharedDir, readText, writeAtomic } from "../fs/files.ts";
import {
  checkFresh,
  checkRole,
  type Delegation,
  parseRole,
  type TrustRole,
  updateRoot,
  validSignatures,
} from "../specs/content-trust.ts";
import { redactUrl } from "../specs/credentials.ts";
import { channelUrl, distString, type RepoDataRecord } from "../specs/records.ts";
import { trimTrailingSlashes } from "../specs/slashes.ts";
import { objectOf, parseJson } from "../util/json.ts";
import { writableMetadataDir } from "./channels.ts";
import type { CommandContext } from "./context.ts";
import { baseUrls } from "./policy.ts";

/** Real roots are a kilobyte; a channel has changed its root a handful of times. */
const MAX_ROLE = 1024 * 1024;
const MAX_ROOTS = 256;
/** Signed channels are small ones; the whole has to fit into a string. */
const MAX_REPODATA = 256 * 1024 * 1024;

/** Where one channel's keys come from. */
interface TrustSource {
  /** URL of the channel, without credentials. */
  base: string;
  /** Where root.json and key_mgr.json are. */
  metadata: string;
  /** The first trusted root, which the user put there. */
  rootFile: string;
  /** What was verified earlier, for --offline. It needs no trust: it is verified again. */
  cache: string;
  context: CommandContext;
}

/**
 * With `verify_artifacts`: every record must be signed by keys that the channel's trusted root leads to, and the channel must be one
 * of `trusted_channels` unless these are empty. Throws `signature-invalid`. `named` records were asked for by URL: their
 * dependencies are those of the archive, which the signed hash covers.
 */
export async function verifyArtifacts(
  records: readonly RepoDataRecord[],
  context: CommandContext,
  named = false,
): Promise<void> {
  const { config } = context;
  if (!config.verifyArtifacts || records.length === 0) return;
  const trusted = baseUrls(config.trustedChannels, context);
  const byChannel = groupByChannel(records);
  for (const base of byChannel.keys()) {
    if (trusted.size === 0 || trusted.has(trimTrailingSlashes(base))) continue;
    throw new ToolError(
      "signature-invalid",
      `\`${byChannel.get(base)![0]!.fn}\` comes from \`${redactUrl(base)}\`, which is not among \`trusted_channels\``,
      { hint: "add the channel with --trusted-channels, if its signatures are to be relied on" },
    );
  }
  for (const [base, list] of byChannel) await verifyChannel(await openSource(base, context), list, named);
}

function groupByChannel(records: readonly RepoDataRecord[]): Map<string, RepoDataRecord[]> {
  const groups = new Map<string, RepoDataRecord[]>();
  for (const record of records) {
    const base = channelUrl(record);
    groups.set(base, [...(groups.get(base) ?? []), record]);
  }
  return groups;
}

async function openSource(base: string, context: CommandContext): Promise<TrustSource> {
  const { rootPrefix, signingMetadataUrlBase } = context.config;
  // mamba's name for the channel's directory, which conda uses for its repodata cache, too.
  const key = createHash("md5")
    .update(`${trimTrailingSlashes(base)}/`)
    .digest("hex")
    .slice(0, 8);
  return {
    base,
    metadata: trimTrailingSlashes(signingMetadataUrlBase) || base,
    rootFile: join(rootPrefix, "etc", "trusted-repos", key, "root.json"),
    cache: join(await writableMetadataDir(context), `${key}.trust`),
    context,
  };
}

async function verifyChannel(
  source: TrustSource,
  records: readonly RepoDataRecord[],
  named: boolean,
): Promise<void> {
  const keys = await packageKeys(source);
  for (const subdir of new Set(records.map((record) => record.subdir))) {
    const repodata = await signedRepodata(source, subdir);
    for (const record of records) {
      if (record.subdir === subdir) checkRecord(record, repodata, keys, named);
    }
  }
}

/** The keys that sign records, by way of root.json and key_mgr.json. */
async function packageKeys(source: TrustSource): Promise<Delegation> {
  const now = new Date();
  const root = await currentRoot(source);
  checkFresh(root, now, `${source.metadata}/${root.version}.root.json`);
  const where = `${source.metadata}/key_mgr.json`;
  const text = await fetchRole("key_mgr.json", source);
  if (text === undefined)
    throw new ToolError("signature-invalid", `\`${redactUrl(source.base)}\` has no key_mgr.json`, {
      hint: "the channel is not signed; without --verify-artifacts only hashes are checked",
    });
  const keyManager = parseRole(text, "key_mgr", where);
  checkRole(keyManager, root.delegations["key_mgr"]!, where);
  checkFresh(keyManager, now, where);
  await refuseOlder(keyManager, root, source);
  await remember("key_mgr.json", text, source);
  return keyManager.delegations["pkg_mgr"]!;
}

/** From the root that the user trusts, one signed version after the other, to the newest that the channel has. */
async function currentRoot(source: TrustSource): Promise<TrustRole> {
  const first = await readText(source.rootFile);
  if (first === undefined) {
    throw new ToolError("signature-invalid", `no root is trusted for \`${redactUrl(source.base)}\``, {
      hint: `put the root.json of the channel that you trust at ${source.rootFile}`,
    });
  }
  let root = parseRole(first, "root", source.rootFile);
  checkRole(root, root.delegations["root"]!, source.rootFile);
  for (let i = 0; i < MAX_ROOTS; i++) {
    const name = `${root.version + 1}.root.json`;
    const text = await fetchRole(name, source);
    if (text === undefined) return root;
    const where = `${source.metadata}/${name}`;
    root = updateRoot(root, parseRole(text, "root", where), where);
    await remember(name, text, source);
  }
  throw new ToolError(
    "signature-invalid",
    `\`${redactUrl(source.base)}\` has more than ${MAX_ROOTS} new roots`,
  );
}

/** Who serves an older key_mgr.json than before may be bringing back keys that were withdrawn (a rollback attack). */
async function refuseOlder(
  found: TrustRole,
  root: TrustRole,
  { cache, metadata }: TrustSource,
): Promise<void> {
  const text = await readText(join(cache, "key_mgr.json"));
  if (text === undefined) return;
  try {
    const before = parseRole(text, "key_mgr", cache);
    checkRole(before, root.delegations["key_mgr"]!, cache);
    if (before.version <= found.version) return;
  } catch {
    // Damaged, or signed by keys that count no more: it says nothing.
    return;
  }
  throw new ToolError(
    "signature-invalid",
    `\`${redactUrl(metadata)}/key_mgr.json\` is older than what the channel had before`,
  );
}

async function fetchRole(name: string, source: TrustSource): Promise<string | undefined> {
  return fetchText(`${source.metadata}/${name}`, MAX_ROLE, join(source.cache, name), source.context);
}

/** A file of the channel, or undefined when it has none. Offline, what was verified the last time. */
async function fetchText(
  url: string,
  limit: number,
  cached: string,
  { config, resources, signal }: CommandContext,
): Promise<string | undefined> {
  if (config.offline && !url.startsWith("file:")) return readText(cached);
  const response = await resources.http().fetch(url, { signal, compressed: true });
  if (response.status === 404 || response.status === 403) {
    response.discard();
    return undefined;
  }
  if (response.status !== 200)
    throw new ToolError("http-error", `\`${response.url}\`: the server answered ${response.status}`);
  return new TextDecoder().decode(await response.bytes(limit));
}

async function remember(name: string, text: string, { cache }: TrustSource): Promise<void> {
  await ensureSharedDir(cache);
  await writeAtomic(join(cache, name), text);
}

interface SignedRepodata {
  where: string;
  records: Readonly<Record<string, unknown>>;
  signatures: Readonly<Record<string, unknown>>;
}

async function signedRepodata(source: TrustSource, subdir: string): Promise<SignedRepodata> {
  const where = `${redactUrl(source.base)}/${subdir}/repodata.json`;
  const name = `${subdir}.json`;
  const url = `${source.base}/${subdir}/repodata.json`;
  const text = await fetchText(url, MAX_REPODATA, join(source.cache, name), source.context);
  const document = text === undefined ? undefined : objectOf(parseJson(text));
  if (!document)
    throw new ToolError("signature-invalid", `\`${where}\` cannot be read, so nothing of it is signed`);
  if (!source.base.startsWith("file:")) await remember(name, text!, source);
  return {
    where,
    records: { ...objectOf(document["packages"]), ...objectOf(document["packages.conda"]) },
    signatures: objectOf(document["signatures"]) ?? {},
  };
}

/** A record is what it was signed as: the archive by its hash, and what the solver went by. */
function checkRecord(
  record: RepoDataRecord,
  repodata: SignedRepodata,
  keys: Delegation,
  named: boolean,
): void {
  const { fn } = record;
  const signed = Object.hasOwn(repodata.records, fn) ? objectOf(repodata.records[fn]) : undefined;
  const signatures = Object.hasOwn(repodata.signatures, fn) ? repodata.signatures[fn] : undefined;
  const count = signed && signatures ? validSignatures(signed, signatures, keys) : 0;
  if (!signed || count < keys.threshold) {
    throw new ToolError(
      "signature-invalid",
      `\`${fn}\` has ${count} of the ${keys.threshold} signatures it needs in \`${repodata.where}\``,
      { hint: "without --verify-artifacts only its hash is checked" },
    );
  }
  const wrong = difference(record, signed, named);
  if (wrong === undefined) return;
  throw new ToolError(
    "signature-invalid",
    `\`${distString(record)}\` is not what was signed: its ${wrong} differs from \`${repodata.where}\``,
    { hint: "`clean --index-cache` and try again; if it stays so, the channel was tampered with" },
  );
}

function difference(
  record: RepoDataRecord,
  signed: Readonly<Record<string, unknown>>,
  named: boolean,
): string | undefined {
  for (const key of ["name", "version", "build", "build_number"] as const)
    if (record[key] !== signed[key]) return key;
  const hashes = (["sha256", "md5"] as const).filter((key) => record[key] && signed[key]);
  for (const key of hashes) if (record[key]!.toLowerCase() !== String(signed[key]).toLowerCase()) return key;
  // By URL alone no hash is known before the archive is there; then it is.
  if (hashes.length === 0 && !named) return "hash";
  if (named) return undefined;
  for (const key of ["depends", "constrains"] as const)
    if (JSON.stringify(record[key] ?? []) !== JSON.stringify(signed[key] ?? [])) return key;
  return undefined;
}
