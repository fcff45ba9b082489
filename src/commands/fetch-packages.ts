import { fetchPackages } from "../cache/fetch.ts";
import { PackageCache } from "../cache/package-cache.ts";
import type { PackageCacheRecord, RepoDataRecord } from "../specs/records.ts";
import type { CommandContext } from "./context.ts";

export function packageCache(context: CommandContext): PackageCache {
  return new PackageCache([...context.config.pkgsDirs], {
    events: context.events,
    pool: context.resources.pool(),
    broken: context.resources.brokenEntries,
  });
}

/**
 * The phase in which packages come into the cache: their entries by URL. `learn` has the URLs of records that only the archive
 * makes whole.
 */
export function fetchPhase(
  records: readonly RepoDataRecord[],
  context: CommandContext,
  learn?: ReadonlySet<string>,
): Promise<Map<string, PackageCacheRecord>> {
  const { config, events, resources, signal } = context;
  const { downloadThreads, safetyChecks, extraSafetyChecks } = config;
  return phase("fetch", context, () =>
    fetchPackages(
      records,
      { downloadThreads, safetyChecks, extraSafetyChecks, learn },
      { http: resources.http(), pool: resources.pool(), cache: packageCache(context), events, signal },
    ),
  );
}

export async function phase<T>(
  name: "fetch" | "link",
  context: Pick<CommandContext, "events">,
  work: () => Promise<T>,
): Promise<T> {
  const started = performance.now();
  const end = (outcome: { failed?: true }) => {
    const seconds = (performance.now() - started) / 1000;
    context.events({ type: "phase", phase: name, state: "end", seconds, ...outcome });
  };
  context.events({ type: "phase", phase: name, state: "start" });
  try {
    const result = await work();
    end({});
    return result;
  } catch (error) {
    end({ failed: true });
    throw error;
  }
}
