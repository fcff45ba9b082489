import { createHash } from "node:crypto";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createExtractor, type ExtractOptions } from "../../src/archive/extract.ts";
import { DEFAULT_LIMITS } from "../../src/archive/package-tree.ts";
import { createStoredZip } from "../../src/archive/write.ts";
import { compress } from "../../src/archive/zstd.ts";
import { type Attack, file, link } from "../support/attacks/attack.ts";
import { LINKS, PATHS, TAR } from "../support/attacks/tar.ts";
import { ZIP } from "../support/attacks/zip.ts";
import { condaOf, END, goodConda, INDEX, rawHeader, rawMember, rawTar } from "../support/raw-tar.ts";

/** What each attack is refused with: for its own reason, not by an accident on the way. */
const errors = JSON.parse(
  readFileSync(join(import.meta.dirname, "archive-attacks.errors.json"), "utf8"),
) as Record<string, string>;

let sandbox = "";
let extracted = 0;

/** Every file outside the destinations: what it is, holds, and when it was changed. */
function snapshot(): string[] {
  const rows: string[] = [];
  const walk = (path: string): void => {
    for (const name of readdirSync(path).sort()) {
      const full = join(path, name);
      const stat = lstatSync(full);
      if (stat.isDirectory()) {
        rows.push(`${full} ${stat.mode}`);
        if (name !== "destinations") walk(full);
      } else if (stat.isSymbolicLink()) rows.push(`${full} -> ${readlinkSync(full)}`);
      else
        rows.push(
          `${full} ${stat.mode} ${stat.nlink} ${stat.mtimeMs} ${createHash("sha256").update(readFileSync(full)).digest("hex")}`,
        );
    }
  };
  walk(sandbox);
  return rows;
}

beforeAll(() => {
  sandbox = mkdtempSync(join(tmpdir(), "taipan-attacks-"));
  mkdirSync(join(sandbox, "destinations"));
  mkdirSync(join(sandbox, "outside"));
  writeFileSync(join(sandbox, "canary"), "canary");
  writeFileSync(join(sandbox, "outside", "secret"), "secret");
  linkSync(join(sandbox, "canary"), join(sandbox, "outside", "second-name"));
});
afterAll(() => rmSync(sandbox, { recursive: true, force: true }));

async function run(bytes: Uint8Array, options: Partial<ExtractOptions>, piece: number): Promise<unknown> {
  const destination = join(sandbox, "destinations", String(extracted++));
  const extractor = await createExtractor({ kind: "conda", destination, ...options });
  try {
    for (let at = 0; at < bytes.length; at += piece) await extractor.write(bytes.slice(at, at + piece));
    return await extractor.end();
  } catch (error) {
    await extractor.abort();
    return error;
  }
}

for (const [area, attacks] of [
  ["member names", PATHS],
  ["links and collisions", LINKS],
  ["tar structure", TAR],
  ["containers and compression", ZIP],
] as [string, Attack[]][]) {
  describe(area, () => {
    for (const { name, code, archive, options } of attacks) {
      test(name, async () => {
        const bytes = await archive();
        const before = snapshot();
        for (const piece of [bytes.length || 1, 97]) {
          const error = await run(bytes, options ?? {}, piece);
          expect(error).toMatchObject({ name: "ToolError", code });
          // How much of a bomb was out when it was noticed depends on the pieces.
          const message = (error as Error).message.replace(/\d+ bytes from \d+/, "… bytes from …");
          expect(message).toBe(errors[name]);
        }
        expect(snapshot()).toEqual(before);
        expect(readdirSync(join(sandbox, "destinations"))).toEqual([]);
      });
    }
  });
}

test("there are at least 60 attacks, each with a name of its own", () => {
  const names = [...PATHS, ...LINKS, ...TAR, ...ZIP].map((attack) => attack.name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.toSorted()).toEqual(Object.keys(errors).toSorted());
  expect(names.length).toBeGreaterThanOrEqual(60);
});

test("setuid, setgid and sticky bits are dropped, and a file without permissions stays readable", async () => {
  const bytes = await condaOf(
    rawTar([
      { ...file("bin/su"), mode: 0o7755 },
      { ...file("bin/none"), mode: 0 },
    ]),
  );
  const destination = join(sandbox, "destinations", "modes");
  const extractor = await createExtractor({ kind: "conda", destination });
  await extractor.write(bytes);
  await extractor.end();
  expect(lstatSync(join(destination, "bin/su")).mode & 0o7700).toBe(0o0700);
  expect(lstatSync(join(destination, "bin/none")).mode & 0o7777).toBe(0o400);
  rmSync(destination, { recursive: true });
});

test("a link with an absolute target is created, reported and not followed", async () => {
  const outside = join(sandbox, "outside", "secret");
  const destination = join(sandbox, "destinations", "external");
  const before = snapshot();
  const extractor = await createExtractor({ kind: "conda", destination });
  await extractor.write(await condaOf(rawTar([link("etc/secret", outside)])));
  expect(await extractor.end()).toMatchObject({ externalLinks: ["etc/secret"], files: 2 });
  expect(readlinkSync(join(destination, "etc/secret"))).toBe(outside);
  expect(snapshot()).toEqual(before);
  rmSync(destination, { recursive: true });
});

/** `count` empty directory members of one name, 1,000 in a zstd frame, as the package part of a `.conda`. */
async function manyMembers(
  count: number,
  frameOf: (from: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const frames: Uint8Array[] = [];
  for (let from = 0; from < count; from += 1000) frames.push(await frameOf(from));
  const info = await compress(rawTar([INDEX]), 3);
  return createStoredZip([
    { name: "info-a-1-0.tar.zst", bytes: info },
    { name: "pkg-a-1-0.tar.zst", bytes: Buffer.concat([...frames, await compress(END, 3)]) },
  ]);
}

test("the limits that everybody has are far above real packages, and there", () => {
  expect(DEFAULT_LIMITS).toEqual({ entries: 2e6, bytes: 2 ** 37, ratio: 1000, ratioFrom: 2 ** 29 });
});

/** A long run: `TAIPAN_TINY_FILES=1000000 npx vitest run tests/robustness/archive-attacks.test.ts -t tiny`. */
const TINY_FILES = Number(process.env["TAIPAN_TINY_FILES"] ?? 5000);
test(`${TINY_FILES} tiny files are what they are, and can be given up`, { timeout: 600_000 }, async () => {
  const bytes = await manyMembers(TINY_FILES, (from) =>
    compress(
      Buffer.concat(Array.from({ length: 1000 }, (_, i) => rawMember(file(`${from / 1000}/${i}`, "x")))),
      3,
    ),
  );
  const destination = join(sandbox, "destinations", "tiny");
  const extractor = await createExtractor({ kind: "conda", destination });
  for (let at = 0; at < bytes.length; at += 65_536) await extractor.write(bytes.slice(at, at + 65_536));
  expect(await extractor.end()).toMatchObject({
    files: TINY_FILES + 1,
    bytes: TINY_FILES + INDEX.content!.length,
  });
  expect(readdirSync(join(destination, "0")).length).toBe(1000);
  await extractor.abort();
  expect(readdirSync(join(sandbox, "destinations"))).toEqual([]);
});

test("the limits that everybody has stop a bomb of zeros", { timeout: 60_000 }, async () => {
  // 600 MB of zeros from 60 kB.
  const zeros = await compress(Buffer.alloc(4_000_000), 3);
  const head = await compress(rawHeader({ name: "x", size: 700_000_000 }), 3);
  const info = await compress(rawTar([INDEX]), 3);
  const bytes = createStoredZip([
    { name: "info-a-1-0.tar.zst", bytes: info },
    { name: "pkg-a-1-0.tar.zst", bytes: Buffer.concat([head, ...Array(175).fill(zeros)]) },
  ]);
  expect(await run(bytes, {}, 65_536)).toMatchObject({
    code: "archive-invalid",
    message: expect.stringMatching(/more than 1000 times as many/),
  });
});

test("an unfinished archive leaves nothing behind when it is given up", async () => {
  const bytes = await goodConda();
  const destination = join(sandbox, "destinations", "cut");
  const extractor = await createExtractor({ kind: "conda", destination });
  await extractor.write(bytes.slice(0, bytes.length >> 1));
  await extractor.abort();
  expect(readdirSync(join(sandbox, "destinations"))).toEqual([]);
  expect(() => extractor.write(bytes)).toThrow(/given up/);
  expect(END.length).toBe(1024);
});
