// `node bench/fetch.mjs --channel DIR [--repeat N] [--downloads 3,5,10] [--latency MS --megabits N] [--tls 1|2]`: cold download and
// extraction of every package of a channel directory, served on loopback, into an empty cache; without solving and linking.
// With --tls the server speaks https, HTTP/1.1 or HTTP/2 (no peer then: it would not know the root). With --latency (a round trip) and --megabits the line is as slow as that, and times are compared with what the bytes alone need.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";
import { serveInThread } from "../scripts/serve.mjs";
import { ltsNode, machine, median, rattlerPython, root, scratch, table, timed } from "./lib.mjs";
import { shapeInThread } from "./shape.mjs";

const { values: options } = parseArgs({
  options: {
    channel: { type: "string" },
    repeat: { type: "string", default: "3" },
    downloads: { type: "string", default: "5" },
    workers: { type: "string", default: "2" },
    latency: { type: "string", default: "0" },
    megabits: { type: "string" },
    tls: { type: "string" },
  },
});
if (!options.channel) throw new Error("--channel DIR is missing");
const directory = resolve(options.channel);
const certificates = join(root, "tests/support/tls");
const tls = options.tls && {
  key: readFileSync(join(certificates, "server.key")),
  cert: readFileSync(join(certificates, "server.pem")),
  http2: options.tls === "2",
};
const origin = await serveInThread(directory, tls);
const line = options.megabits
  ? { latency: Number(options.latency), megabits: Number(options.megabits) }
  : undefined;
const server = line ? await shapeInThread(Number(new URL(origin.url).port), line) : origin;
// The proxy passes bytes on, and the certificate is for `localhost`.
const url = tls ? `https://localhost:${new URL(server.url).port}` : server.url;
const records = ["linux-64", "noarch"].flatMap((subdir) => {
  const { packages = {}, "packages.conda": conda = {} } = JSON.parse(
    readFileSync(join(directory, subdir, "repodata.json"), "utf8"),
  );
  return Object.entries({ ...packages, ...conda }).map(([fn, record]) => ({
    ...record,
    subdir,
    fn,
    url: `${url}/${subdir}/${fn}`,
    channel: url,
  }));
});

const build = join(root, "node_modules/.cache");
mkdirSync(build, { recursive: true });
const bundleDir = mkdtempSync(join(build, "bench-"));
const bundle = await rolldown({
  cwd: root,
  platform: "node",
  input: { driver: "tests/support/fetch-driver.ts", worker: "src/worker.ts" },
  external: (id) => !id.startsWith(".") && !id.startsWith("/") && !id.startsWith("\0"),
  logLevel: "silent",
});
await bundle.write({
  dir: bundleDir,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
});
await bundle.close();

const dir = scratch(1e9);
const recordsFile = join(dir, "records.json");
writeFileSync(recordsFile, JSON.stringify(records));
const nodes = [{ name: process.version, path: process.execPath }];
const lts = ltsNode();
if (lts) nodes.push({ name: lts.version, path: lts.path });
const cases = [];
for (const node of nodes) {
  for (const downloads of options.downloads.split(",").map(Number)) {
    for (const keepArchives of [true, false]) {
      const settings = JSON.stringify({
        downloadThreads: downloads,
        keepArchives,
        workers: Number(options.workers),
        ...(tls ? { sslVerify: join(certificates, "ca.pem") } : {}),
      });
      cases.push({
        name: `taipan, Node ${node.name}, ${downloads} downloads${keepArchives ? "" : ", archives not kept"}`,
        run: (pkgs) => timed(node.path, [join(bundleDir, "driver.js"), recordsFile, pkgs, settings]),
      });
    }
  }
}
const python = rattlerPython();
if (python && !tls)
  cases.push({
    name: "py-rattler (keeps no archives)",
    run: (pkgs) => timed(python, [join(root, "bench/peer_fetch.py"), recordsFile, pkgs]),
  });

const samples = cases.map(() => ({ seconds: [], cpu: [], rss: [] }));
try {
  for (let round = 0; round < Number(options.repeat); round++) {
    for (const [i, item] of cases.entries()) {
      const pkgs = join(dir, "pkgs");
      rmSync(pkgs, { recursive: true, force: true });
      const result = item.run(pkgs);
      if (result.status !== 0) throw new Error(`${item.name} failed: ${result.stdout} ${result.stderr}`);
      samples[i].seconds.push(result.seconds);
      samples[i].cpu.push(result.cpuSeconds);
      samples[i].rss.push(result.maxRssMb);
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
  rmSync(bundleDir, { recursive: true, force: true });
  await server.close();
  await origin.close();
}
const megabytes = records.reduce((sum, record) => sum + record.size, 0) / 1e6;
console.log(`${records.length} packages, ${megabytes.toFixed(0)} MB; ${machine()}`);
const ideal = line ? (megabytes * 8) / line.megabits : undefined;
if (line)
  console.log(
    `${line.latency} ms round trip, ${line.megabits} Mbit/s: the bytes alone need ${ideal.toFixed(2)} s\n`,
  );
else console.log();
const rows = cases.map((item, i) => [
  item.name,
  `${median(samples[i].seconds).toFixed(2)} s${ideal ? ` (${(median(samples[i].seconds) / ideal).toFixed(2)}x)` : ""}`,
  `${Math.min(...samples[i].seconds).toFixed(2)} s`,
  `${median(samples[i].cpu).toFixed(2)} s`,
  `${Math.max(...samples[i].rss).toFixed(0)} MB`,
]);
console.log(table(["cold download and extraction", "median", "best", "processor time", "peak memory"], rows));
