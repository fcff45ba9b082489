// `node bench/archive.mjs [FILE]`: MB/s of decoded output per zstd backend and of bzip2, and files/s of extraction.
// FILE is what is compressed (default: the Node.js binary). Needs `npm run build`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rolldown } from "rolldown";

const dir = mkdtempSync(join(tmpdir(), "taipan-bench-archive-"));
const bundle = await rolldown({
  input: {
    zstd: "src/archive/zstd.ts",
    bzip2: "src/archive/bzip2.ts",
    write: "src/archive/write.ts",
    extract: "src/archive/extract.ts",
    bzip2write: "src/archive/bzip2-write.ts",
  },
  platform: "node",
  external: (id) => !/^[./\0]/.test(id),
  logLevel: "silent",
});
// Inside node_modules' reach, so that the codecs are found.
const out = join(process.cwd(), "dist", "bench-archive");
await bundle.write({ dir: out, format: "esm", entryFileNames: "[name].mjs" });
const load = (name) => import(join(out, `${name}.mjs`));
const { availableBackends, compress, createDecompressor } = await load("zstd");
const { createDecompressor: createBzip2 } = await load("bzip2");
const { compressBzip2 } = await load("bzip2write");
const { createCondaArchive } = await load("write");
const { extractFile } = await load("extract");

const raw = readFileSync(process.argv[2] ?? process.execPath).subarray(0, 100_000_000);
const rows = [];

async function rate(name, bytes, create) {
  let best = 0;
  for (let run = 0; run < 3; run++) {
    let size = 0;
    const start = performance.now();
    const decoder = await create((part) => {
      size += part.length;
    });
    for (let at = 0; at < bytes.length; at += 65536) await decoder.write(bytes.subarray(at, at + 65536));
    await decoder.end();
    best = Math.max(best, size / 1000 / (performance.now() - start));
  }
  rows.push([name, `${best.toFixed(0)} MB/s`]);
}

const backends = await availableBackends();
// Frames this small are decoded at once where the backend can.
const small = [];
for (let at = 0; at < 24_000_000; at += 900_000)
  small.push(await compress(raw.subarray(at, at + 900_000), 9));
const whole = Buffer.concat(small);
const large = await compress(raw, 9);
for (const backend of backends) {
  await rate(`zstd ${backend}, 0.9 MB frames`, whole, (sink) =>
    createDecompressor(sink, { backend, transient: true }),
  );
  await rate(`zstd ${backend}, ${(raw.length / 1e6).toFixed(0)} MB frame`, large, (sink) =>
    createDecompressor(sink, { backend, transient: true }),
  );
}
const bz2 = await compressBzip2(raw.subarray(0, 30_000_000));
await rate("bzip2 decode, 30 MB", bz2, (sink) => createBzip2(sink));
try {
  const file = join(dir, "x.bz2");
  writeFileSync(file, bz2);
  const start = performance.now();
  execFileSync("bzip2", ["-dc", file], { maxBuffer: 1 << 30 });
  rows.push(["bzip2 decode, libbz2 command", `${(30_000 / (performance.now() - start)).toFixed(0)} MB/s`]);
} catch {
  // no bzip2 command: nothing to compare with
}

const pkg = Array.from({ length: 4000 }, (_, i) => ({
  path: `lib/d${i % 100}/f${i}.py`,
  content: raw.subarray(i * 4096, (i + 1) * 4096),
}));
const archive = join(dir, "many-1-0.conda");
writeFileSync(
  archive,
  await createCondaArchive({
    dist: "many-1-0",
    info: [{ path: "info/index.json", content: "{}" }],
    pkg,
    level: 3,
  }),
);
const start = performance.now();
const { files } = await extractFile(archive, join(dir, "out"));
rows.push([
  `extract ${files} files of 4 kB`,
  `${((files * 1000) / (performance.now() - start)).toFixed(0)} files/s`,
]);

console.log(`node ${process.version}, ${process.platform}-${process.arch}`);
for (const [name, value] of rows) console.log(`${name.padEnd(36)} ${value.padStart(12)}`);
rmSync(dir, { recursive: true, force: true });
rmSync(out, { recursive: true, force: true });
