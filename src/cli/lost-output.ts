import { EXIT } from "./exit-codes.ts";

/** The reader closed its end (`taipan ... | head`), or the terminal is gone. */
const NOBODY_READS = new Set(["EPIPE", "EIO", "ECONNRESET"]);

/**
 * Output that nobody reads any more is dropped and the command goes on: `taipan create ... | head` must not leave half an
 * environment behind. Output that cannot be written for another reason, such as a full disk, is a failure when the work is done.
 */
export function outliveReaders(): void {
  for (const [name, stream] of Object.entries({ stdout: process.stdout, stderr: process.stderr })) {
    let failed = false;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (failed || NOBODY_READS.has(error.code ?? "")) return;
      failed = true;
      process.once("exit", (code) => {
        process.exitCode = code || EXIT.failure;
        process.stderr.write(`error: cannot write to ${name}: ${error.message}\n`);
      });
    });
  }
}
