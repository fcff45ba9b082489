/** Run as a child process: fetches the packages of a JSON file into a cache directory, and says how it ended. */
import { readFileSync } from "node:fs";
import { fetchPackages } from "../../src/cache/fetch.ts";
import { PackageCache } from "../../src/cache/package-cache.ts";
import { ToolError } from "../../src/errors.ts";
import { ignoreEvents } from "../../src/events.ts";
import { createHttpClient } from "../../src/net/http.ts";
import type { RepoDataRecord } from "../../src/specs/records.ts";
import { createPool } from "../../src/workers/pool.ts";

/** `more` is JSON: mode, workers, downloadThreads, keepArchives, sslVerify, http2. */
const [recordsFile, pkgs, more = "{}"] = process.argv.slice(2) as [string, string, string?];
const settings = JSON.parse(more) as {
  mode?: "inline";
  workers?: number;
  downloadThreads?: number;
  keepArchives?: boolean;
  sslVerify?: string;
  http2?: boolean;
};
const records = JSON.parse(readFileSync(recordsFile, "utf8")) as RepoDataRecord[];
const pool = createPool({ size: settings.workers ?? 2, mode: settings.mode ?? "threads" });
const { sslVerify, http2 } = settings;
const http = createHttpClient({ retryDelay: 10, retries: 2, sslVerify, http2 }, { events: ignoreEvents });
const cache = new PackageCache(pkgs.split(":"), { events: ignoreEvents, pool });
try {
  const done = await fetchPackages(records, settings, { http, pool, cache, events: ignoreEvents });
  process.stdout.write(JSON.stringify({ ok: done.size }));
} catch (error) {
  process.stdout.write(
    JSON.stringify(
      error instanceof ToolError
        ? { code: error.code, message: error.message }
        : { code: "defect", message: String(error) },
    ),
  );
  process.exitCode = 1;
} finally {
  await http.close();
  await pool.close();
}
