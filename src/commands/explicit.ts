import { ToolError } from "../errors.ts";
import { recordFromUrl } from "../cache/explicit.ts";
import { fetchPackages } from "../cache/fetch.ts";
import { planTransaction } from "../plan/diff.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import { linkOrder } from "../solve/order.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import type { ExplicitEntry } from "../specs/spec-file.ts";
import { type ChangePlan, packageCache } from "./change.ts";
import type { CommandContext } from "./context.ts";
import { platformOf } from "./solve-change.ts";

/**
 * A plan from package URLs, without a solve (CEP 23). What a URL does not tell (dependencies, noarch) stands in the
 * archive, so the packages are fetched now, into the cache; the prefix is untouched.
 */
export async function planExplicit(
  intent: { command: "create" | "install"; prefix: string; entries: readonly ExplicitEntry[] },
  state: PrefixState | undefined,
  context: CommandContext,
): Promise<Omit<ChangePlan, "fetch">> {
  const wanted = intent.entries.map((entry) => recordFromUrl(entry.url, entry));
  const { config, events, signal, resources } = context;
  const fetched = await fetchPackages(
    wanted,
    { downloadThreads: config.downloadThreads, safetyChecks: config.safetyChecks, extraSafetyChecks: config.extraSafetyChecks, learn: new Set(wanted.map((record) => record.url)) },
    { http: resources.http(), pool: resources.pool(), cache: packageCache(context), events, signal },
  );
  const byName = new Map<string, RepoDataRecord>();
  for (const record of fetched.values()) {
    const other = byName.get(record.name);
    if (other && other.url !== record.url) {
      throw new ToolError("usage", `\`${record.name}\` is named twice: \`${other.fn}\` and \`${record.fn}\``, { hint: "an environment has one package of a name" });
    }
    byName.set(record.name, record);
  }
  const kept = intent.command === "create" ? [] : (state?.records ?? []).filter((record) => !byName.has(record.name));
  const records = linkOrder([...kept, ...byName.values()]);
  const requested = new Map([...byName.values()].map((record) => [record.name, [`${record.name}==${record.version}=${record.build}`]]));
  const stats = { milliseconds: 0, candidates: records.length, clauses: 0, decisions: 0, conflicts: 0 };
  const transaction = planTransaction(
    state?.records ?? [],
    { kind: "solution", records, requested, reinstall: config.forceReinstall ? new Set(byName.keys()) : new Set(), notes: [], stats },
    { platform: platformOf(context) },
  );
  return { prefix: intent.prefix, fresh: state === undefined, transaction, notes: [] };
}
