import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decompress as bunzip2, createDecompressor as createBzip2 } from "../../src/archive/bzip2.ts";
import { compressBzip2 } from "../../src/archive/bzip2-write.ts";
import { crc32 } from "../../src/archive/crc32.ts";
import {
  availableBackends,
  compress,
  createDecompressor,
  decompress,
  type ZstdBackend,
} from "../../src/archive/zstd.ts";
import { MAX_WINDOW } from "../../src/archive/zstd-frame.ts";

const backends = await availableBackends();

/** Compressible, but not trivially: text with numbers. */
function sample(size: number): Buffer {
  const text = Array.from({ length: Math.ceil(size / 7) }, (_, i) => `${(i * 2654435761) >>> 0} line\n`).join(
    "",
  );
  return Buffer.from(text).subarray(0, size);
}

/** A skippable frame, which decoders must ignore. */
const SKIPPABLE = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

async function decodeInPieces(bytes: Uint8Array, piece: number, backend: ZstdBackend): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const decoder = await createDecompressor((part) => parts.push(part), { backend });
  for (let at = 0; at < bytes.length; at += piece) await decoder.write(bytes.slice(at, at + piece));
  await decoder.end();
  return Buffer.concat(parts);
}

test("there is a codec everywhere, and at least the portable one", () => {
  expect(backends).toContain("wasm");
});

describe.each(backends)("zstd: %s", (backend) => {
  test.each([0, 1, 1000, 300_000])("%i bytes come back", async (size) => {
    const raw = sample(size);
    const packed = await compress(raw, 3, backend);
    for (const reader of backends)
      expect(Buffer.compare(await decompress(packed, undefined, reader), raw)).toBe(0);
    expect(Buffer.compare(await decodeInPieces(packed, 1000, backend), raw)).toBe(0);
  });

  test("several frames, skippable ones between", async () => {
    const [a, b] = [sample(5000), sample(200_000)];
    const packed = Buffer.concat([
      SKIPPABLE,
      await compress(a, 3),
      SKIPPABLE,
      await compress(b, 3),
      SKIPPABLE,
    ]);
    for (const piece of [1, 977, packed.length]) {
      expect(Buffer.compare(await decodeInPieces(packed, piece, backend), Buffer.concat([a, b]))).toBe(0);
    }
  });

  test("frames larger than the one-shot limit are streamed", async () => {
    const raw = Buffer.alloc(48 * 1024 * 1024, sample(100_000));
    const packed = await compress(raw, 1);
    let size = 0;
    let pieces = 0;
    const decoder = await createDecompressor(
      (part) => {
        size += part.length;
        pieces++;
      },
      { backend },
    );
    for (let at = 0; at < packed.length; at += 65536) await decoder.write(packed.slice(at, at + 65536));
    await decoder.end();
    expect(size).toBe(raw.length);
    expect(pieces).toBeGreaterThan(10);
  });

  test("more output than allowed is refused, whole or streamed", async () => {
    const small = await compress(sample(300_000), 3);
    await expect(decompress(small, 1000, backend)).rejects.toMatchObject({ code: "archive-invalid" });
    const large = await compress(Buffer.alloc(80 * 1024 * 1024), 3);
    await expect(decompress(large, 1024 * 1024, backend)).rejects.toMatchObject({ code: "archive-invalid" });
  });

  test("an error of the sink stops decoding and is passed on", async () => {
    const packed = await compress(Buffer.alloc(40 * 1024 * 1024), 3);
    const decoder = await createDecompressor(
      () => {
        throw new Error("disk full");
      },
      { backend },
    );
    await expect(
      (async () => {
        await decoder.write(packed);
        await decoder.end();
      })(),
    ).rejects.toThrow("disk full");
    decoder.abort();
  });

  test("cut at any place, and damaged", async () => {
    const packed = await compress(sample(3000), 3);
    for (let cut = 0; cut < packed.length; cut += 13) {
      await expect(decompress(packed.slice(0, cut), undefined, backend)).rejects.toMatchObject({
        code: "archive-invalid",
      });
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const bad = Uint8Array.from(packed);
        bad[at]! ^= bits;
        try {
          await decompress(bad, 1 << 20, backend);
        } catch (error) {
          expect(error).toMatchObject({ code: "archive-invalid" });
        }
      }),
      { numRuns: 150 },
    );
  });
});

test("random bytes are never anything but archive-invalid", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (tail) => {
      for (const head of [
        [],
        [0x28, 0xb5, 0x2f, 0xfd],
        [0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59],
      ]) {
        const bytes = Uint8Array.from([...head, ...tail]);
        const decode =
          head[0] === 0x42 ? async () => bunzip2(bytes, 1 << 20) : () => decompress(bytes, 1 << 20);
        await decode().catch((error) => expect(error).toMatchObject({ code: "archive-invalid" }));
      }
    }),
    { numRuns: 300 },
  );
});

function tool(name: string, args: string[], input: Uint8Array): Buffer | undefined {
  try {
    return execFileSync(name, args, { input, maxBuffer: 1 << 28 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

test("windows up to 128 MiB are decoded by every backend, larger ones refused", async () => {
  const raw = Buffer.concat([sample(3_000_000), Buffer.alloc(12 * 1024 * 1024), sample(3_000_000)]);
  const long = tool("zstd", ["-q", "-3", "--long=27", "-c"], raw);
  if (!long) return process.stderr.write("skipped: no zstd command\n");
  for (const backend of backends)
    expect(Buffer.compare(await decodeInPieces(long, 65536, backend), raw)).toBe(0);
  const longer = tool("zstd", ["-q", "-3", "--long=28", "-c", "--no-content-size"], raw)!;
  await expect(decompress(longer)).rejects.toThrow(`the limit is ${MAX_WINDOW / 1048576} MiB`);
});

describe("bzip2", () => {
  const cases: [string, Buffer][] = [
    ["nothing", Buffer.alloc(0)],
    ["one byte", Buffer.from("a")],
    [
      "runs of every length around the run-length code's steps",
      Buffer.from(
        Array.from({ length: 600 }, (_, i) => String.fromCharCode(97 + (i % 20)).repeat(i)).join(""),
      ),
    ],
    ["more than one block of zeros", Buffer.alloc(3_000_000)],
    ["several blocks of text", sample(2_500_000)],
    ["every byte", Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7919) & 255))],
  ];
  test.each(cases)("%s comes back in pieces of any size", async (_, raw) => {
    for (const level of [1, 9]) {
      const packed = await compressBzip2(raw, level);
      expect(Buffer.compare(bunzip2(packed), raw)).toBe(0);
      const parts: Uint8Array[] = [];
      const decoder = createBzip2((part) => parts.push(part));
      for (let at = 0; at < packed.length; at += 1009) decoder.write(packed.slice(at, at + 1009));
      decoder.end();
      expect(Buffer.compare(Buffer.concat(parts), raw)).toBe(0);
    }
  });

  test("concatenated streams (pbzip2) are one", async () => {
    const packed = await compressBzip2(Buffer.from("one "));
    expect(
      Buffer.from(bunzip2(Buffer.concat([packed, await compressBzip2(Buffer.from("two"))]))).toString(),
    ).toBe("one two");
  });

  test("agrees with libbz2 both ways on random data", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (raw) => {
        expect(Buffer.compare(bunzip2(await compressBzip2(raw)), raw)).toBe(0);
      }),
      { numRuns: 60 },
    );
    const raw = sample(1_200_000);
    const theirs = tool("bzip2", ["-c"], raw);
    if (theirs) expect(Buffer.compare(bunzip2(theirs), raw)).toBe(0);
    const ours = tool("bzip2", ["-dc"], await compressBzip2(raw));
    if (ours) expect(Buffer.compare(ours, raw)).toBe(0);
  });

  test("any flipped bit and any cut is found", async () => {
    const packed = await compressBzip2(sample(20_000));
    for (let at = 0; at < packed.length; at += 61) {
      const bad = Uint8Array.from(packed);
      bad[at]! ^= 1 << (at % 8);
      expect(() => bunzip2(bad, 1 << 22)).toThrow();
      expect(() => bunzip2(packed.slice(0, at))).toThrow(/ends|begin/);
    }
  });

  test("more output than allowed is refused", async () => {
    const packed = await compressBzip2(Buffer.alloc(3_000_000));
    expect(() => bunzip2(packed, 1_000_000)).toThrow(/more than 1000000 bytes/);
  });
});

test("crc32 is the zip checksum, in pieces too", () => {
  const bytes = Buffer.from("123456789");
  expect(crc32(bytes)).toBe(0xcbf43926);
  expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4)))).toBe(0xcbf43926);
  expect(crc32(sample(1001))).toBe(crc32(sample(1001).subarray(333), crc32(sample(333))));
});
