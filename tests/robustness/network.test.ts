/** Whole installs against servers that fail at random: index, solve, fetch, extract, link. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeChannel } from "../../fixtures/index.ts";
import { findCleanable } from "../../src/cache/clean.ts";
import type { CommandContext, Resources } from "../../src/commands/context.ts";
import { create } from "../../src/commands/create.ts";
import { createContext, noStdin } from "../../src/commands/library.ts";
import { ToolError } from "../../src/errors.ts";
import { ignoreEvents } from "../../src/events.ts";
import { createHttpClient } from "../../src/net/http.ts";
import { readPrefix } from "../../src/prefix/prefix.ts";
import { verifyPrefix } from "../../src/prefix/verify.ts";
import { createPool } from "../../src/workers/pool.ts";
import type { WorkerPool } from "../../src/workers/protocol.ts";
import { checkVisible, litter } from "../support/cache-checks.ts";
import {
  type ChannelServer,
  type Fault,
  type ServerOptions,
  startServer,
  TEST_CA,
} from "../support/channel-server.ts";
import { type ServedPackage, somePackages } from "../support/packages.ts";

/** A long run: `TAIPAN_SCHEDULES=1000 TAIPAN_FAULT_PACKAGES=40 npx vitest run tests/robustness/network.test.ts`. */
const SCHEDULES = Number(process.env["TAIPAN_SCHEDULES"] ?? 60);
const PACKAGES = Number(process.env["TAIPAN_FAULT_PACKAGES"] ?? 8);

/** Schedules mostly wait for time-outs, so several run side by side, each lane with servers of its own. */
const LANES: ServerOptions["tls"][] = [
  undefined,
  "http1",
  "http2",
  undefined,
  undefined,
  "http2",
  "http1",
  undefined,
];
const SECRET = "lane-5ecret";

interface Lane {
  server: ChannelServer;
  mirror: ChannelServer;
}

let pool: WorkerPool;
let packages: ServedPackage[];
const lanes: Lane[] = [];
const sandbox = mkdtempSync(join(tmpdir(), "taipan-faults-"));

beforeAll(async () => {
  pool = createPool({ size: 2, mode: "inline" });
  packages = await somePackages(PACKAGES, "http://base", 200);
  const channel = join(sandbox, "channel");
  await writeChannel(
    channel,
    packages.map(({ record, bytes }) => ({ fn: record.fn, record, bytes })),
    { zst: true },
  );
  const files: Record<string, Uint8Array> = {};
  for (const name of readdirSync(join(channel, "noarch")))
    files[`/noarch/${name}`] = readFileSync(join(channel, "noarch", name));
  for (const tls of LANES) {
    const [server, mirror] = await Promise.all([startServer({ files, tls }), startServer({ files, tls })]);
    lanes.push({ server, mirror });
  }
});
afterAll(async () => {
  await pool.close();
  for (const lane of lanes) await Promise.all([lane.server.close(), lane.mirror.close()]);
  rmSync(sandbox, { recursive: true, force: true });
});

type Pick = (below: number) => number;

/** A small generator of its own, so that a failing schedule can be run again by its number. */
function random(seed: number): Pick {
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

type Kind = (pick: Pick, size: number, elsewhere: string) => Fault;
const FLIPPED_BIT: Kind = (pick, size) => ({ corruptAt: pick(size) });
const KINDS: Kind[] = [
  (pick, size) => ({ resetAt: pick(size) }),
  (pick, size) => ({ cutAt: pick(size) }),
  (pick, size) => ({ silentCutAt: pick(size) }),
  (pick) => ({ lengthError: 1 + pick(1000) }),
  (pick, size) => ({ lengthError: -Math.min(size - 1, 1 + pick(1000)) }),
  FLIPPED_BIT,
  () => ({ body: "<html>Sign in to the hotel's network</html>" }),
  () => ({ body: "" }),
  (pick) => ({ status: [429, 500, 502, 503][pick(4)]! }),
  () => ({ status: 503, retryAfter: "0" }),
  (pick) => ({ status: [404, 403, 410][pick(3)]! }),
  (pick, size) => ({ stallAt: pick(size) }),
  (pick, size) => ({ drip: { bytes: 1 + Math.floor(size / 10), ms: 1 + pick(5) } }),
  () => ({ drip: { bytes: 1, ms: 300 } }),
  () => ({ redirect: "self" }),
  () => ({ redirect: "file:///etc/passwd" }),
  (_pick, _size, elsewhere) => ({ redirect: elsewhere }),
  (pick, size) => ({ resetAt: pick(size), etag: '"stale"' }),
  (pick, size) => ({ resetAt: pick(size), noValidators: true }),
  (pick, size) => ({ resetAt: pick(size), noRange: true }),
  (pick) => ({ latency: pick(30) }),
];

function schedule(seed: number, { mirror }: Lane): Fault[] {
  const pick = random(seed);
  return Array.from({ length: 1 + pick(8) }, () => {
    const target = packages[pick(PACKAGES)]!;
    const kind = KINDS[pick(KINDS.length)]!;
    // Now and then it is the index that does not come. No hash says what it must be: a flipped bit may be a package of another name.
    const index = pick(10) === 0 && kind !== FLIPPED_BIT;
    const path = index ? "/noarch/repodata.json.zst" : target.path;
    const fault = kind(pick, target.bytes.length, `${mirror.url}${path}`);
    // Mostly passing trouble, now and then trouble that stays.
    return { ...fault, match: path, times: pick(12) === 0 ? Infinity : 1 + pick(3) };
  });
}

/** The command's context with a client that does not wait for long, and the workers that all runs share. */
function contextOf(home: string, seed: number, { server, mirror }: Lane): CommandContext {
  const http = createHttpClient(
    {
      retries: 2,
      retryDelay: 1,
      lowSpeedTime: 500,
      headersTimeout: 2000,
      sslVerify: TEST_CA,
      mirrors: seed % 3 === 0 ? { [server.url]: [server.url, mirror.url] } : {},
      credentials: (url) => (url.startsWith(`${server.url}/`) ? { bearer: SECRET } : undefined),
    },
    { events: ignoreEvents },
  );
  const resources: Resources = {
    http: () => http,
    pool: () => pool,
    brokenEntries: new Set(),
    useChannels: () => {},
    temporaryDir: async () => home,
    close: () => http.close(),
  };
  const config = {
    rootPrefix: join(home, "root"),
    pkgsDirs: [join(home, "pkgs")],
    channels: [server.url],
    alwaysYes: true,
  };
  return { ...createContext({ config, env: { HOME: home }, cwd: home }), resources };
}

/** Creates the environment; the error of a failed run, after everything that must hold either way. */
async function install(home: string, seed: number, lane: Lane): Promise<"whole" | ToolError> {
  const [pkgs, prefix] = [join(home, "pkgs"), join(home, "env")];
  const context = contextOf(home, seed, lane);
  const intent = {
    target: { prefix },
    specs: packages.map(({ record }) => record.name),
    files: [],
    channels: [],
    noDefaultPackages: true,
    readStdin: noStdin,
  };
  let failure: ToolError | undefined;
  try {
    await create(intent, context);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    failure = error;
  } finally {
    await context.resources.close();
  }
  // Whatever was published is whole, failure or not, and nothing else is there.
  const visible = checkVisible(pkgs, packages);
  expect(litter(pkgs)).toEqual([]);
  const left = await findCleanable([pkgs], { tempfiles: true, locks: true, trash: true });
  expect([left.tempfiles, left.locks, left.trash]).toEqual([[], [], []]);
  const beside = readdirSync(home).filter((name) => !["pkgs", "env", ".conda"].includes(name));
  expect(beside).toEqual([]);
  if (failure) {
    expect(existsSync(prefix)).toBe(false);
    return failure;
  }
  expect(visible).toHaveLength(PACKAGES);
  const records = (await readPrefix(prefix))?.records ?? [];
  expect(records.map((record) => record.sha256).sort()).toEqual(
    packages.map(({ record }) => record.sha256).sort(),
  );
  expect(verifyPrefix(prefix, records, { mode: "full" })).toEqual([]);
  return "whole";
}

async function runSchedule(seed: number, lane: Lane): Promise<"whole" | ToolError> {
  const home = join(sandbox, String(seed));
  mkdirSync(home);
  lane.server.faults.splice(0, Infinity, ...schedule(seed, lane));
  const outcome = await install(home, seed, lane);
  if (outcome !== "whole") {
    // What a failed run left in the cache is of use to the next one.
    lane.server.faults.length = 0;
    expect(await install(home, seed, lane)).toBe("whole");
  }
  const strangers = lane.mirror.requests.filter(({ headers }) => headers["authorization"] !== undefined);
  expect(strangers).toEqual([]);
  lane.mirror.requests.length = 0;
  lane.server.requests.length = 0;
  rmSync(home, { recursive: true, force: true });
  return outcome;
}

const CLEAR = new Set([
  "http-error",
  "channel-unreachable",
  "checksum-mismatch",
  "auth-error",
  "archive-invalid",
  "repodata-invalid",
  // An empty index is a channel without packages (CEP 36).
  "package-not-found",
]);

it(`${SCHEDULES} random fault schedules end with the environment or with a clear error, and always with a clean cache`, {
  timeout: 3_600_000,
}, async () => {
  const outcomes = new Map<string, number>();
  let next = 1;
  const runLane = async (lane: Lane): Promise<void> => {
    for (let seed = next++; seed <= SCHEDULES; seed = next++) {
      const outcome = await runSchedule(seed, lane).catch((error: unknown) => {
        throw new Error(`schedule ${seed} at ${lane.server.url}`, { cause: error });
      });
      if (outcome !== "whole") {
        expect(CLEAR, `schedule ${seed}: ${outcome.code}: ${outcome.message}`).toContain(outcome.code);
        expect(outcome.message).toMatch(/127\.0\.0\.1|pkg-\d/);
        expect(JSON.stringify(outcome) + outcome.message).not.toContain(SECRET);
      }
      const key = outcome === "whole" ? "whole" : outcome.code;
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
    }
  };
  await Promise.all(lanes.map(runLane));
  process.stderr.write(`outcomes: ${JSON.stringify(Object.fromEntries(outcomes))}\n`);
  // Both ends must be reached, or the schedules test nothing.
  expect(outcomes.get("whole") ?? 0).toBeGreaterThan(SCHEDULES / 4);
  expect(outcomes.get("http-error") ?? 0).toBeGreaterThan(0);
});
