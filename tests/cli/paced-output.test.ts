import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { writePaced } from "../../src/cli/paced-output.ts";

const LINE = "x".repeat(1023);

/** A reader that takes one write when it is told to, or fails it. */
function reader() {
  let text = "";
  let take: ((error?: Error) => void) | undefined;
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      take = done;
    },
  });
  // As on the process: a reader that left is no failure.
  stream.on("error", () => {});
  return { stream, text: () => text, take: (error?: Error) => take?.(error) };
}

function counted(most: number) {
  const made = { count: 0 };
  function* lines() {
    for (; made.count < most; made.count++) yield LINE;
  }
  return { made, lines: lines() };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

it("makes no more than the reader has taken, and loses nothing", async () => {
  const { made, lines } = counted(1000);
  const { stream, text, take } = reader();
  let ended = false;
  const done = writePaced(lines, "\n", { stream, signal: new AbortController().signal }).then(() => {
    ended = true;
  });
  await turns();
  expect(made.count).toBeLessThan(100);
  for (let i = 0; i < 100 && !ended; i++) {
    take();
    await turns();
  }
  await done;
  expect(text()).toBe(`${LINE}\n`.repeat(1000));
});

it("ends when the reader has left, and when it is interrupted", async () => {
  const left = counted(1000);
  const gone = reader();
  const ended = writePaced(left.lines, "\n", { stream: gone.stream, signal: new AbortController().signal });
  await turns();
  gone.take(new Error("EPIPE"));
  await ended;
  expect(left.made.count).toBeLessThan(100);

  const { stream, take } = reader();
  const controller = new AbortController();
  const stopped = writePaced(counted(1000).lines, "\n", { stream, signal: controller.signal });
  controller.abort();
  await turns();
  take();
  await expect(stopped).rejects.toThrow(/abort/);
});
