import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { availableBackends, compress, createDecompressor } from "../../src/archive/zstd.ts";

it("decoders with large windows work by turns in one thread", async () => {
  // Above what is decoded whole, so that each holds an 8 MiB window while the others go on.
  const half = randomBytes(18 * 1024 * 1024);
  const data = Buffer.concat([half, half]);
  const frame = await compress(data, 3);
  for (const backend of await availableBackends()) {
    const sizes = [0, 0, 0, 0];
    const decoders = await Promise.all(
      sizes.map((_, i) =>
        createDecompressor(
          (bytes) => {
            sizes[i]! += bytes.length;
          },
          { backend },
        ),
      ),
    );
    for (let at = 0; at < frame.length; at += 1 << 20) {
      for (const decoder of decoders) await decoder.write(frame.subarray(at, at + (1 << 20)));
    }
    for (const decoder of decoders) await decoder.end();
    expect(sizes, backend).toEqual(sizes.map(() => data.length));
  }
});
