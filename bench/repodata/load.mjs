// One measured run: loads a channel, reads everything that the roots reach, prints milliseconds and peak memory as JSON.
// node load.mjs LOADER URL CACHE_DIR SHARDS(yes|no) ROOT...
import { pathToFileURL } from "node:url";

const started = performance.now();
const [loaderPath, url, cacheDir, shards, ...roots] = process.argv.slice(2);
const {
  closeIndexes,
  dependencyName,
  createHttpClient,
  createPool,
  DEFAULT_CHANNEL_CONFIG,
  loadChannels,
  resolveChannels,
} = await import(pathToFileURL(loaderPath).href);
const imported = performance.now();
const events = () => {};
const http = createHttpClient({}, { events });
const pool = createPool({ size: 2, mode: "threads" });
const context = { platform: "linux-64", home: "/", cwd: "/" };
const channels = resolveChannels([url], DEFAULT_CHANNEL_CONFIG, context);
const indexes = await loadChannels(
  channels,
  "linux-64",
  { useShards: shards === "yes", roots },
  { http, pool, events, cacheDir },
);
const loaded = performance.now();
// What a solver may look at: every record that the roots reach, of every index.
const names = new Set();
const seen = new Set();
let records = 0;
const queue = [...roots];
while (queue.length > 0) {
  const name = queue.pop();
  if (names.has(name)) continue;
  names.add(name);
  for (const index of indexes) {
    for (const record of index.records(name)) {
      records++;
      for (const dependency of record.depends) {
        if (seen.has(dependency)) continue;
        seen.add(dependency);
        const wanted = dependencyName(dependency);
        if (wanted !== undefined) queue.push(wanted);
      }
    }
  }
}
const read = performance.now();
closeIndexes(indexes);
await pool.close();
await http.close();
const milliseconds = (from, to) => Math.round(to - from);
console.log(
  JSON.stringify({
    import: milliseconds(started, imported),
    load: milliseconds(imported, loaded),
    read: milliseconds(loaded, read),
    whole: Math.round(performance.now()),
    names: names.size,
    records,
    rssMB: Math.round(process.resourceUsage().maxRSS / 1024),
  }),
);
