import type { EventSink } from "../events.ts";
import type { HttpClient } from "../net/http.ts";
import type { WorkerPool } from "../workers/protocol.ts";
import type { Claims } from "./claims.ts";
import type { CacheListing, CacheOptions, PackageCache } from "./package-cache.ts";
import type { Partials } from "./partial.ts";

export interface FetchPackagesOptions extends Partial<CacheOptions> {
  /** Downloads at once (`download_threads`); default 5. */
  downloadThreads?: number | undefined;
  /** Keep archives beside the extracted packages, as conda does; default true. */
  keepArchives?: boolean | undefined;
  /** URLs whose records hold no more than the URL and hashes (`recordFromUrl`): completed from the package itself. */
  learn?: ReadonlySet<string> | undefined;
}

export interface FetchContext {
  http: HttpClient;
  pool: WorkerPool;
  cache: PackageCache;
  events: EventSink;
  signal?: AbortSignal | undefined;
}

/** One call of `fetchPackages` at work. */
export interface Run {
  pkgs: string;
  scratch: string;
  next: number;
  /** What earlier runs had begun to download. */
  partials: Partials;
  claims: Claims;
  /** What the cache held when the run began. */
  present: CacheListing;
  /** URLs of new packages, for urls.txt. */
  published: string[];
  options: FetchPackagesOptions;
  context: FetchContext & { signal: AbortSignal };
}
