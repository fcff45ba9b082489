import { randomBytes } from "node:crypto";
import { createWriter } from "../fs/index-files.ts";
import type { IndexRepodataInput, IndexRepodataOutput, StreamHandler } from "../workers/protocol.ts";
import { createDecoder } from "./decoder.ts";
import { IndexBuilder } from "./index-builder.ts";
import { RepodataScanner } from "./scan.ts";

/** What is posted while it works. */
export interface IndexRepodataProgress {
  records: number;
}

/**
 * Turns a repodata file that arrives in chunks into an index file, in one pass: decompress, find the records, copy the
 * bytes, remember where each name's records are. Memory: the scanner's window, the decoder's, and 20 bytes a run.
 */
export const indexRepodataTask: StreamHandler<IndexRepodataInput, IndexRepodataOutput> = async (
  input,
  context,
) => {
  const builder = new IndexBuilder(input.label, input.url.slice(input.url.lastIndexOf("/") + 1));
  const scanner = new RepodataScanner(input.label, builder);
  const writer = createWriter(input.path);
  let length = 0;
  const take = (bytes: Uint8Array): void => {
    writer.write(bytes);
    length += bytes.byteLength;
    scanner.push(bytes);
  };
  const decoder = await createDecoder(input.compression, input.label, take);
  let received = 0;
  let reported = 0;
  return {
    async write(chunk) {
      received += chunk.byteLength;
      await decoder.write(chunk);
      if (received - reported < 1 << 20) return;
      reported = received;
      context.progress({ records: builder.records } satisfies IndexRepodataProgress);
    },
    async end() {
      await decoder.end();
      scanner.end();
      const { url, source, validators } = input;
      const id = randomBytes(8).toString("hex");
      const finished = builder.finish({ id, url, source, validators }, length);
      for (const bytes of finished.bytes) writer.write(bytes);
      writer.close();
      return { temporary: writer.temporary, records: builder.records, skipped: builder.skippedRecords };
    },
    abort() {
      decoder.abort();
      writer.discard();
    },
  };
};
