import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compressBzip2 } from "../../src/archive/bzip2-write.ts";
import { compress } from "../../src/archive/zstd.ts";
import { record, repodata, shard, shardFiles, under } from "../repodata/support.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { type CliResult, createSandbox, type Sandbox } from "../support/cli.ts";

const servers: ChannelServer[] = [];
const sandboxes: Sandbox[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
  for (const sandbox of sandboxes) sandbox.close();
});

type Files = Record<string, Uint8Array | string>;

async function serve(files: Files): Promise<ChannelServer & { channel: string; files: Files }> {
  const server = await startServer({ files });
  servers.push(server);
  return Object.assign(server, { channel: `${server.url}/ch`, files });
}

function sandbox(): Sandbox {
  const made = createSandbox();
  sandboxes.push(made);
  return made;
}

const create = (box: Sandbox, channel: string, ...more: string[]): Promise<CliResult> =>
  box.taipan(
    ...["create", "-n", "e", "--dry-run", "--json", "--platform", "linux-64", "--override-channels"],
    ...["-c", channel, "app", ...more],
  );

const linked = (result: CliResult): string[] => {
  const { actions } = result.json<{ actions?: { LINK?: { name: string; version: string }[] } }>();
  return (actions?.LINK ?? []).map(({ name, version }) => `${name}-${version}`).sort();
};

const cacheOf = (box: Sandbox): string => join(box.root, "pkgs", "cache");

/** Many records, so that a transfer takes more than one piece. */
const channelOf = (...extra: Record<string, unknown>[]): Record<string, unknown> =>
  repodata([
    ...Array.from({ length: 1500 }, (_, i) =>
      record(`p${i % 50}`, `1.${i}`, { sha256: i.toString(16).padStart(64, "0") }),
    ),
    record("app", "1.0", { depends: ["lib >=1"] }),
    record("lib", "1.5"),
    ...extra,
  ]);
const good = JSON.stringify(channelOf());

describe("processes that refresh a channel at once", () => {
  it("all get an answer, and leave one whole index behind", async () => {
    const server = await serve({ "/ch/noarch/repodata.json": good });
    const box = sandbox();
    const runs = Array.from({ length: 8 }, (_, i) => {
      server.files["/ch/noarch/repodata.json"] = JSON.stringify(channelOf(record("lib", `2.${i}`)));
      return create(box, server.channel, "--repodata-ttl", "0");
    });
    for (const result of await Promise.all(runs)) {
      expect(result.stderr).toBe("");
      expect(result.code).toBe(0);
      expect(linked(result)).toEqual(["app-1.0", expect.stringMatching(/^lib-[12]\.[0-9]$/)]);
    }
    const left = readdirSync(cacheOf(box));
    expect(left.filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(left.filter((name) => name.endsWith(".index"))).toHaveLength(1);
    const offline = await create(box, server.channel, "--offline");
    expect(linked(offline)).toHaveLength(2);
  }, 120_000);
});

describe("a channel that only has repodata.json.bz2", () => {
  it("is used", async () => {
    const bz2 = await compressBzip2(Buffer.from(good));
    const server = await serve({ "/ch/linux-64/repodata.json.bz2": bz2 });
    const result = await create(sandbox(), server.channel);
    expect(linked(result)).toEqual(["app-1.0", "lib-1.5"]);
  });
});

describe("channels that name related ones", () => {
  const chain = (base: string | undefined): string =>
    JSON.stringify({ ...channelOf(), info: base ? { channel_relations: { base } } : {} });

  it("are followed as deep as channel_relations_max_depth says", async () => {
    const server = await serve({
      "/ch/noarch/repodata.json": chain("../two"),
      "/two/noarch/repodata.json": chain("../three"),
      "/three/noarch/repodata.json": chain(undefined),
    });
    const box = sandbox();
    const withDepth = (depth: string): Promise<CliResult> =>
      box.taipanWith(
        { env: { CONDA_CHANNEL_RELATIONS_MAX_DEPTH: depth } },
        ...["create", "-n", "e", "--dry-run", "--json", "--platform", "linux-64", "--override-channels"],
        ...["-c", server.channel, "app"],
      );
    const asked = (): boolean => server.requests.some(({ path }) => path.includes("/two/"));
    expect((await withDepth("0")).code).toBe(0);
    expect(asked()).toBe(false);
    const short = await withDepth("1");
    expect(short.code).not.toBe(0);
    expect(short.stdout).toContain("more than 1 deep");
    expect((await withDepth("2")).code).toBe(0);
    expect(asked()).toBe(true);
  });
});

describe("bad repodata", () => {
  const box = sandbox();
  let wrongShard: Files;
  let cutZst: Uint8Array;
  beforeAll(async () => {
    const zst = await compress(Buffer.from(good), 3);
    cutZst = zst.subarray(0, zst.length >> 1);
    const files = await shardFiles({ app: shard(record("app", "1.0")) });
    const path = Object.keys(files).find((name) => name.startsWith("shards/"))!;
    files[path] = await compress(Buffer.from("another shard"), 3);
    wrongShard = under("/ch/noarch", files);
  });

  const cases: [what: string, files: () => Files, words: RegExp][] = [
    ["a truncated zst", () => ({ "/ch/noarch/repodata.json.zst": cutZst }), /malformed/],
    [
      "JSON that ends in the middle",
      () => ({ "/ch/noarch/repodata.json": good.slice(0, 9999) }),
      /ends in the middle/,
    ],
    ["a shard with another hash", () => wrongShard, /does not have the hash/],
    [
      "a wrong type",
      () => ({ "/ch/noarch/repodata.json": '{"packages": []}' }),
      /`packages` is no dictionary/,
    ],
  ];
  it.each(cases)("%s is an error that names channel and subdir", async (_, files, words) => {
    const server = await serve(files());
    const result = await create(box, server.channel);
    expect(result.code).toBe(1);
    expect(result.stdout).toContain(`${server.channel}/noarch`);
    expect(result.stdout).toMatch(words);
  });

  it("of single records leaves those out, and says so", async () => {
    const server = await serve({
      "/ch/noarch/repodata.json": JSON.stringify(
        channelOf(
          { ...record("../../x", "9") },
          { ...record("x\u0000y", "9") },
          { ...record("lib", "9"), build: "1\u0000" },
          { ...record("lib", "9.1"), version: 9 },
          { ...record("lib", "9.2"), depends: ["app", 1] },
          { ...record("lib", "9.3"), sha256: "none" },
          { ...record("x".repeat(1 << 20), "9") },
          { ...record("lib", "9"), depends: "python" },
        ),
      ),
    });
    const result = await create(box, server.channel);
    expect(result.code).toBe(0);
    expect(linked(result)).toEqual(["app-1.0", "lib-1.5"]);
    expect(result.stderr).toContain('"../../x"');
    expect(result.stderr).toContain("its depends is no list of texts");
    expect(result.stderr.length).toBeLessThan(4000);
  });

  it("with a key twice counts the later one", async () => {
    const twice = good.replace(
      '"lib-1.5-0.conda":',
      `"lib-1.5-0.conda":${JSON.stringify(record("lib", "1.5", { depends: ["nothing"] }))},"lib-1.5-0.conda":`,
    );
    const server = await serve({ "/ch/noarch/repodata.json": twice });
    expect(linked(await create(box, server.channel))).toEqual(["app-1.0", "lib-1.5"]);
  });

  it.each<[string, Parameters<typeof startServer>[0]["faults"]]>([
    ["500s", [{ match: /repodata/, status: 500, times: 99 }]],
    ["a stall half-way", [{ match: /repodata\.json$/, stallAt: 1000, times: 99 }]],
  ])(
    "%s: an error, and the old copy stays usable",
    async (_, faults) => {
      const server = await serve({ "/ch/noarch/repodata.json": good });
      expect((await create(box, server.channel)).code).toBe(0);
      server.files["/ch/noarch/repodata.json"] = JSON.stringify(channelOf(record("lib", "2.0")));
      server.faults.push(...(faults ?? []));
      const env = {
        CONDA_REMOTE_READ_TIMEOUT_SECS: "1",
        CONDA_REMOTE_MAX_RETRIES: "1",
        MAMBA_LOW_SPEED_TIME: "1",
      };
      const base = [
        "create",
        "-n",
        "e",
        "--dry-run",
        "--json",
        "--platform",
        "linux-64",
        "--override-channels",
      ];
      const failed = await box.taipanWith({ env }, ...base, "-c", server.channel, "app");
      expect(failed.code).not.toBe(0);
      expect(failed.stdout).toContain(server.channel);
      expect(failed.stdout).toContain("--use-index-cache");
      const cached = await create(box, server.channel, "--use-index-cache");
      expect(linked(cached)).toEqual(["app-1.0", "lib-1.5"]);
    },
    60_000,
  );
});
