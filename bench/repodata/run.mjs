// Times and peak memory of loading repodata, against py-rattler on the same server in the same run.
// node bench/repodata/run.mjs CHANNEL_DIR [--runs N] [--python PYTHON] [--latency MS]
// CHANNEL_DIR has linux-64/ and noarch/ with repodata.json.zst, and the sharded form beside it (shard.mjs) for those rows.
// PYTHON is an interpreter with py-rattler; without one the peer is left out.
import { execFile, execFileSync } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { buildLoader, ROOT } from "./build.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "3" },
    python: { type: "string" },
    latency: { type: "string", default: "20" },
  },
});
const [channel] = positionals;
if (!channel) throw new Error("name a channel directory");
const work = mkdtempSync(join(tmpdir(), "taipan-bench-"));
const loader = await buildLoader(work);
const roots = ["python", "numpy", "pandas"];
const run = promisify(execFile);

/** A static server that hides what `hidden` matches and waits before each answer. */
function serve(hidden, latency) {
  const server = createServer((request, response) => {
    setTimeout(() => {
      const path = join(channel, decodeURIComponent(request.url));
      const stat = hidden.test(request.url) ? undefined : statSync(path, { throwIfNoEntry: false });
      if (!stat?.isFile()) return response.writeHead(404).end();
      const etag = `"${stat.size}-${stat.mtimeMs}"`;
      const headers = { etag, "cache-control": "max-age=1200" };
      if (request.headers["if-none-match"] === etag) return response.writeHead(304, headers).end();
      response.writeHead(200, { ...headers, "content-length": stat.size });
      return request.method === "HEAD"
        ? response.end()
        : createReadStream(path, { highWaterMark: 1 << 18 }).pipe(response);
    }, latency);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

const rattler = `
import asyncio, resource, sys
from rattler import Channel, Gateway, MatchSpec, Platform, SourceConfig
async def main():
    gateway = Gateway(cache_dir=sys.argv[2], default_config=SourceConfig(sharded_enabled=sys.argv[3] == "yes"))
    specs = [MatchSpec(s) for s in sys.argv[4:]]
    found = await gateway.query([Channel(sys.argv[1])], [Platform("linux-64"), Platform("noarch")], specs, recursive=True)
    print(sum(len(x) for x in found), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
asyncio.run(main())
`;

async function timed(command, args) {
  const started = performance.now();
  const { stdout } = await run(command, args, { maxBuffer: 1 << 20 });
  return { seconds: (performance.now() - started) / 1000, stdout };
}

const tools = {
  async taipan(url, cache, shards) {
    const { seconds, stdout } = await timed(process.execPath, [
      join(ROOT, "bench/repodata/load.mjs"),
      loader,
      url,
      cache,
      shards,
      ...roots,
    ]);
    const { rssMB, records } = JSON.parse(stdout);
    return { seconds, rss: rssMB, records };
  },
};
if (values.python) {
  tools["py-rattler"] = async (url, cache, shards) => {
    const { seconds, stdout } = await timed(values.python, ["-c", rattler, url, cache, shards, ...roots]);
    const [records, rss] = stdout.trim().split(" ").map(Number);
    return { seconds, rss, records };
  };
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rows = [
  { name: "flat .zst, cold", shards: "no", cold: true, hidden: /shards/, latency: 0 },
  { name: "flat .zst, warm", shards: "no", cold: false, hidden: /shards/, latency: 0 },
  {
    name: `shards, cold, ${values.latency} ms`,
    shards: "yes",
    cold: true,
    hidden: /repodata\.json/,
    latency: Number(values.latency),
  },
  {
    name: `shards, warm, ${values.latency} ms`,
    shards: "yes",
    cold: false,
    hidden: /repodata\.json/,
    latency: Number(values.latency),
  },
];
const git = execFileSync("git", ["-C", ROOT, "rev-parse", "--short", "HEAD"]).toString().trim();
console.log(
  `taipan ${git}, Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, median of ${values.runs}`,
);
for (const row of rows) {
  if (row.shards === "yes" && !existsSync(join(channel, "noarch/repodata_shards.msgpack.zst"))) continue;
  const server = await serve(row.hidden, row.latency);
  const url = `http://127.0.0.1:${server.address().port}`;
  const results = Object.fromEntries(Object.keys(tools).map((tool) => [tool, []]));
  for (let i = 0; i < Number(values.runs); i++) {
    for (const [tool, measure] of Object.entries(tools)) {
      const cache = join(work, `${tool}-${row.shards}`);
      if (row.cold) rmSync(cache, { recursive: true, force: true });
      results[tool].push(await measure(url, cache, row.shards));
    }
  }
  server.close();
  const shown = Object.entries(results).map(([tool, list]) => {
    const seconds = median(list.map((result) => result.seconds));
    return `${tool} ${seconds.toFixed(2)} s ${median(list.map((result) => result.rss))} MB (${list[0].records} records)`;
  });
  console.log(`${row.name.padEnd(24)} ${shown.join("   ")}`);
}
rmSync(work, { recursive: true, force: true });
