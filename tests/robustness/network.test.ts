import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fetchPackages } from "../../src/cache/fetch.ts";
import { PackageCache } from "../../src/cache/package-cache.ts";
import { ToolError } from "../../src/errors.ts";
import { ignoreEvents } from "../../src/events.ts";
import { createHttpClient } from "../../src/net/http.ts";
import { createPool } from "../../src/workers/pool.ts";
import type { WorkerPool } from "../../src/workers/protocol.ts";
import { checkVisible, litter } from "../support/cache-checks.ts";
import { type ChannelServer, type Fault, startServer } from "../support/channel-server.ts";
import { type ServedPackage, somePackages } from "../support/packages.ts";

/** A long run: `TAIPAN_SCHEDULES=1000 TAIPAN_FAULT_PACKAGES=40 npx vitest run tests/robustness/network.test.ts`. */
const SCHEDULES = Number(process.env["TAIPAN_SCHEDULES"] ?? 200);
const PACKAGES = Number(process.env["TAIPAN_FAULT_PACKAGES"] ?? 8);

/** Schedules mostly wait for time-outs, so several run side by side, each with servers of its own. */
const LANES = 8;

interface Lane {
  server: ChannelServer;
  mirror: ChannelServer;
  packages: ServedPackage[];
}

let pool: WorkerPool;
const lanes: Lane[] = [];
const sandbox = mkdtempSync(join(tmpdir(), "taipan-faults-"));

beforeAll(async () => {
  pool = createPool({ size: 2, mode: "inline" });
  const built = await somePackages(PACKAGES, "http://base", 200);
  const files = Object.fromEntries(built.map(({ path, bytes }) => [path, bytes]));
  for (let i = 0; i < LANES; i++) {
    const [server, mirror] = await Promise.all([startServer({ files }), startServer({ files })]);
    const packages = built.map((item) => ({
      ...item,
      record: {
        ...item.record,
        url: item.record.url.replace("http://base", server.url),
        channel: server.url,
      },
    }));
    lanes.push({ server, mirror, packages });
  }
});
afterAll(async () => {
  await pool.close();
  for (const lane of lanes) await Promise.all([lane.server.close(), lane.mirror.close()]);
  rmSync(sandbox, { recursive: true, force: true });
});

/** A small generator of its own, so that a failing schedule can be run again by its number. */
function random(seed: number): (below: number) => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

const KINDS: ((pick: (below: number) => number, size: number) => Fault)[] = [
  (pick, size) => ({ resetAt: pick(size) }),
  (pick, size) => ({ cutAt: pick(size) }),
  (pick, size) => ({ silentCutAt: pick(size) }),
  (pick) => ({ lengthError: 1 + pick(1000) }),
  (pick, size) => ({ lengthError: -Math.min(size - 1, 1 + pick(1000)) }),
  (pick, size) => ({ corruptAt: pick(size) }),
  () => ({ body: "<html>Sign in to the hotel's network</html>" }),
  () => ({ body: "" }),
  (pick) => ({ status: [429, 500, 502, 503][pick(4)]! }),
  () => ({ status: 503, retryAfter: "0" }),
  (pick) => ({ status: [404, 403, 410][pick(3)]! }),
  (pick, size) => ({ stallAt: pick(size) }),
  () => ({ redirect: "self" }),
  () => ({ redirect: "file:///etc/passwd" }),
  (pick, size) => ({ resetAt: pick(size), etag: '"stale"' }),
  (pick, size) => ({ resetAt: pick(size), noValidators: true }),
  (pick, size) => ({ resetAt: pick(size), noRange: true }),
  (pick) => ({ latency: pick(30) }),
];

function schedule(seed: number, packages: readonly ServedPackage[]): Fault[] {
  const pick = random(seed);
  return Array.from({ length: 1 + pick(8) }, () => {
    const target = packages[pick(PACKAGES)]!;
    const fault = KINDS[pick(KINDS.length)]!(pick, target.bytes.length);
    // Mostly passing trouble, now and then trouble that stays.
    return { ...fault, match: target.path, times: pick(12) === 0 ? Infinity : 1 + pick(3) };
  });
}

async function runSchedule(seed: number, { server, mirror, packages }: Lane): Promise<"whole" | ToolError> {
  const pkgs = join(sandbox, String(seed));
  server.faults.splice(0, Infinity, ...schedule(seed, packages));
  const mirrors = seed % 3 === 0 ? { [server.url]: [server.url, mirror.url] } : {};
  const http = createHttpClient(
    { retries: 2, retryDelay: 1, lowSpeedTime: 60, headersTimeout: 300, mirrors },
    { events: ignoreEvents },
  );
  const cache = new PackageCache([pkgs], { events: ignoreEvents, pool });
  const records = packages.map((item) => item.record);
  try {
    const result = await fetchPackages(records, {}, { http, pool, cache, events: ignoreEvents });
    expect(result.size).toBe(PACKAGES);
    expect(checkVisible(pkgs, packages)).toHaveLength(PACKAGES);
    return "whole";
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    // Whatever was published before the failure is whole.
    checkVisible(pkgs, packages);
    return error;
  } finally {
    expect(litter(pkgs), `schedule ${seed}`).toEqual([]);
    await http.close();
    rmSync(pkgs, { recursive: true, force: true });
  }
}

it(`${SCHEDULES} random fault schedules end whole or with a clear error, and always with a clean cache`, {
  timeout: 3_600_000,
}, async () => {
  const outcomes = new Map<string, number>();
  const clear = new Set([
    "http-error",
    "channel-unreachable",
    "checksum-mismatch",
    "auth-error",
    "archive-invalid",
  ]);
  let next = 1;
  const runLane = async (lane: Lane): Promise<void> => {
    for (let seed = next++; seed <= SCHEDULES; seed = next++) {
      const outcome = await runSchedule(seed, lane);
      if (outcome !== "whole") {
        expect(clear, `schedule ${seed}: ${outcome.code}: ${outcome.message}`).toContain(outcome.code);
        expect(outcome.message).toMatch(/127\.0\.0\.1|pkg-\d/);
      }
      const key = outcome === "whole" ? "whole" : outcome.code;
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
    }
  };
  await Promise.all(lanes.map(runLane));
  // Both ends must be reached, or the schedules test nothing.
  expect(outcomes.get("whole") ?? 0).toBeGreaterThan(SCHEDULES / 4);
  expect(outcomes.get("http-error") ?? 0).toBeGreaterThan(0);
});
