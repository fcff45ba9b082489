// Writes the sharded form (CEP 16) of a channel's repodata.json beside it, for measurements. node shard.mjs CHANNEL_DIR
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { encode } from "@msgpack/msgpack";

const { Encoder } = createRequire(import.meta.url)("@toondepauw/node-zstd");
const encoder = new Encoder(3);
const compress = (bytes) => encoder.encodeSync(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
const bytesOf = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const [channel] = process.argv.slice(2);
for (const subdir of readdirSync(channel)) {
  let text;
  try {
    text = readFileSync(join(channel, subdir, "repodata.json"), "utf8");
  } catch {
    continue;
  }
  const repodata = JSON.parse(text);
  const byName = new Map();
  for (const group of ["packages", "packages.conda"]) {
    for (const [fn, record] of Object.entries(repodata[group] ?? {})) {
      const shard = byName.get(record.name) ?? { packages: {}, "packages.conda": {}, removed: [] };
      byName.set(record.name, shard);
      const { md5, sha256, ...rest } = record;
      shard[group][fn] = {
        ...rest,
        ...(md5 ? { md5: bytesOf(md5) } : {}),
        ...(sha256 ? { sha256: bytesOf(sha256) } : {}),
      };
    }
  }
  mkdirSync(join(channel, subdir, "shards"), { recursive: true });
  const shards = {};
  for (const [name, shard] of byName) {
    const bytes = compress(encode(shard));
    const hash = createHash("sha256").update(bytes).digest();
    shards[name] = new Uint8Array(hash);
    writeFileSync(join(channel, subdir, "shards", `${hash.toString("hex")}.msgpack.zst`), bytes);
  }
  const info = { subdir, base_url: "./", shards_base_url: "./shards/", created_at: "2026-01-01T00:00:00Z" };
  writeFileSync(
    join(channel, subdir, "repodata_shards.msgpack.zst"),
    compress(encode({ version: 1, info, shards })),
  );
  console.log(`${subdir}: ${byName.size} shards`);
}
