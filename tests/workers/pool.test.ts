import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ToolError } from "../../src/errors.ts";
import { createPool } from "../../src/workers/pool.ts";
import type { TaskHandlers, WorkerPool } from "../../src/workers/protocol.ts";
import { repoRoot } from "../support/shared.ts";

/** Test tasks stand in for real ones: the pool does not look at kinds. */
interface TestPool {
  size: number;
  run(kind: string, input: unknown, options?: Parameters<WorkerPool["run"]>[2]): Promise<unknown>;
  stream(
    kind: string,
    input: unknown,
    options?: Parameters<WorkerPool["stream"]>[2],
  ): ReturnType<WorkerPool["stream"]>;
  close(): Promise<void>;
}

const HANDLERS = `
import { threadId } from "node:worker_threads";
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
export const makeHandlers = (ToolError) => ({
  tasks: {
    echo: async () => (input) => input,
    thread: async () => async () => { await wait(20); return threadId; },
    fail: async () => () => { throw new ToolError("archive-invalid", "bad \`x\`", { hint: "h", details: { a: 1 } }); },
    defect: async () => () => { throw new TypeError("oops"); },
    crash: async () => () => { setTimeout(() => { throw new Error("boom"); }, 1); return new Promise(() => {}); },
    exit: async () => () => process.exit(3),
    progress: async () => (n, ctx) => { for (let i = 0; i < n; i++) ctx.progress(i); return n; },
    buffer: async () => (n, ctx) => { const b = new ArrayBuffer(n); ctx.transfer(b); return b; },
    hang: async () => (_, ctx) => new Promise((_, no) => ctx.signal.addEventListener("abort", () => no(new Error("gone")))),
  },
  streams: {
    count: async () => (input) => {
      let bytes = 0, chunks = 0, overlap = 0, sum = 0;
      return {
        async write(c) { if (overlap++) throw new Error("overlap"); if (input.slow) await wait(input.slow); bytes += c.length; chunks++; for (const b of c) sum = (sum * 31 + b) >>> 0; overlap--; if (input.failAt && bytes >= input.failAt) throw new ToolError("archive-invalid", "failed at " + bytes); },
        end() { return { bytes, chunks, sum }; },
        async abort() { await wait(5); globalThis.aborted = (globalThis.aborted ?? 0) + 1; },
      };
    },
    unopened: async () => () => { throw new ToolError("io-error", "cannot open"); },
  },
});
`;

const directory = (() => {
  mkdirSync(join(repoRoot, "node_modules/.cache"), { recursive: true });
  return mkdtempSync(join(repoRoot, "node_modules/.cache/pool-test-"));
})();
const workerFile = join(directory, "worker.mjs");

beforeAll(async () => {
  writeFileSync(
    join(directory, "entry.ts"),
    `${HANDLERS}
import { parentPort, workerData } from "node:worker_threads";
import { ToolError } from "${join(repoRoot, "src/errors.ts")}";
import { serve } from "${join(repoRoot, "src/workers/serve.ts")}";
if (parentPort && workerData === "taipan-worker") parentPort.on("message", serve(makeHandlers(ToolError), (m, t) => parentPort.postMessage(m, t)));`,
  );
  const bundle = await rolldown({ input: join(directory, "entry.ts"), platform: "node", logLevel: "silent" });
  await bundle.write({ file: workerFile, format: "esm" });
  await bundle.close();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function withPool(
  mode: "threads" | "inline",
  use: (pool: TestPool) => Promise<void>,
  size = 2,
): Promise<void> {
  const { makeHandlers } = (await import(workerFile)) as {
    makeHandlers(error: typeof ToolError): TaskHandlers;
  };
  const pool = createPool({
    size,
    mode,
    workerUrl: new URL(`file://${workerFile}`),
    handlers: makeHandlers(ToolError),
  }) as unknown as TestPool;
  try {
    await use(pool);
  } finally {
    await pool.close();
  }
}

describe.each(["threads", "inline"] as const)("worker pool, %s", (mode) => {
  it("runs tasks and returns cloned values", () =>
    withPool(mode, async (pool) => {
      const input = { a: [1, 2], b: "x" };
      const output = await pool.run("echo", input);
      expect(output).toEqual(input);
      expect(output).not.toBe(input);
      expect(await Promise.all([1, 2, 3, 4, 5].map((n) => pool.run("echo", n)))).toEqual([1, 2, 3, 4, 5]);
    }));

  it("carries ToolErrors whole and names defects as internal", () =>
    withPool(mode, async (pool) => {
      const error = (await pool.run("fail", 0).catch((e: unknown) => e)) as ToolError;
      expect(error).toBeInstanceOf(ToolError);
      expect(error.toJSON()).toEqual({
        code: "archive-invalid",
        message: "bad `x`",
        hint: "h",
        details: { a: 1 },
      });
      await expect(pool.run("defect", 0)).rejects.toMatchObject({
        code: "internal",
        message: expect.stringContaining("oops"),
      });
      await expect(pool.run("nonsense", 0)).rejects.toMatchObject({
        code: "internal",
        message: expect.stringContaining("nonsense"),
      });
    }));

  it("posts progress in order and moves buffers", () =>
    withPool(mode, async (pool) => {
      const seen: unknown[] = [];
      expect(await pool.run("progress", 5, { onProgress: (v) => seen.push(v) })).toBe(5);
      expect(seen).toEqual([0, 1, 2, 3, 4]);
      expect(((await pool.run("buffer", 1000)) as ArrayBuffer).byteLength).toBe(1000);
    }));

  it("streams every byte in order, gathers small chunks, and keeps the caller's buffers", () =>
    withPool(mode, async (pool) => {
      const streams = [1, 2, 3].map((seed) => ({ seed, stream: pool.stream("count", {}) }));
      await Promise.all(
        streams.map(async ({ seed, stream }) => {
          let sum = 0;
          let total = 0;
          const scratch = new Uint8Array(10_007);
          for (let i = 0; i < 150; i++) {
            const part = scratch.subarray(0, (i * 997 * seed) % scratch.length);
            part.fill((i * seed) & 0xff);
            for (const b of part) sum = (sum * 31 + b) >>> 0;
            total += part.length;
            await stream.write(part);
          }
          const result = (await stream.end()) as { bytes: number; chunks: number; sum: number };
          expect(result).toMatchObject({ bytes: total, sum });
          expect(result.chunks).toBeLessThan(10);
        }),
      );
    }));

  it("holds a fast writer back", () =>
    withPool(mode, async (pool) => {
      const stream = pool.stream("count", { slow: 20 });
      const chunk = new Uint8Array(256 * 1024);
      let written = 0;
      const writing = (async () => {
        for (let i = 0; i < 40; i++) {
          await stream.write(chunk);
          written++;
        }
      })();
      await new Promise((done) => setTimeout(done, 60));
      expect(written).toBeLessThan(20);
      await writing;
      expect(await stream.end()).toMatchObject({ bytes: 40 * chunk.length });
    }));

  it("a failing stream rejects write and end with its error", () =>
    withPool(mode, async (pool) => {
      const stream = pool.stream("count", { failAt: 300_000 });
      const error = await (async () => {
        for (let i = 0; i < 100; i++) await stream.write(new Uint8Array(100_000));
        return stream.end();
      })().catch((e: unknown) => e);
      expect(error).toMatchObject({ code: "archive-invalid" });
      await stream.abort(error);
      await expect(stream.write(new Uint8Array(1))).rejects.toMatchObject({ code: "archive-invalid" });
      const unopened = pool.stream("unopened", {});
      await expect(unopened.end()).rejects.toMatchObject({ code: "io-error" });
    }));

  it("abort waits for the handler's clean-up; a signal interrupts", () =>
    withPool(mode, async (pool) => {
      const stream = pool.stream("count", {});
      await stream.write(new Uint8Array(10));
      await stream.abort(new Error("no more"));
      const controller = new AbortController();
      const other = pool.stream("count", {}, { signal: controller.signal });
      await other.write(new Uint8Array(10));
      controller.abort();
      await expect(other.end()).rejects.toMatchObject({ code: "interrupted" });
      const hang = pool.run("hang", 0, { signal: AbortSignal.timeout(20) });
      await expect(hang).rejects.toMatchObject({ code: "interrupted" });
      expect(await pool.run("echo", 1)).toBe(1);
    }));

  it("close interrupts what runs and refuses more", () =>
    withPool(mode, async (pool) => {
      const hanging = expect(pool.run("hang", 0)).rejects.toMatchObject({ code: "interrupted" });
      await pool.close();
      await hanging;
      expect(() => pool.run("echo", 1)).toThrow(/closed/);
    }));
});

describe("threads", () => {
  it("spreads tasks and starts no more than needed", () =>
    withPool(
      "threads",
      async (pool) => {
        const first = await pool.run("thread", 0);
        expect(await pool.run("thread", 0)).toBe(first);
        const ids = await Promise.all(Array.from({ length: 6 }, () => pool.run("thread", 0)));
        expect(new Set(ids).size).toBe(3);
      },
      3,
    ));

  it.each(["crash", "exit"])("a worker that dies by %s fails its tasks only, and the pool goes on", (kind) =>
    withPool(
      "threads",
      async (pool) => {
        const stream = pool.stream("count", {});
        await expect(pool.run(kind, 0)).rejects.toMatchObject({
          code: "internal",
          message: expect.stringContaining("worker stopped"),
        });
        await expect(stream.end()).rejects.toMatchObject({ code: "internal" });
        expect(await pool.run("echo", "alive")).toBe("alive");
      },
      1,
    ),
  );

  it("gives tasks of one key to one worker while every worker is busy, up to a lead", () =>
    withPool(
      "threads",
      async (pool) => {
        const stop = new AbortController();
        const busy = [1, 2].map(() => pool.run("hang", 0, { signal: stop.signal }).catch(() => {}));
        const [a, b] = await Promise.all(["a", "b"].map((near) => pool.run("thread", 0, { near })));
        expect(a).not.toBe(b);
        for (let round = 0; round < 3; round++) {
          // The other worker has no more to do each time: without the key, both tasks would be spread.
          expect(await pool.run("thread", 0, { near: "b" })).toBe(b);
          expect(await Promise.all([1, 2].map(() => pool.run("thread", 0, { near: "a" })))).toEqual([a, a]);
        }
        const many = await Promise.all(
          Array.from({ length: 12 }, () => pool.run("thread", 0, { near: "a" })),
        );
        expect(new Set(many)).toEqual(new Set([a, b]));
        stop.abort();
        await Promise.all(busy);
      },
      2,
    ));
  it("reports a worker file that is not there", async () => {
    const missing = join(directory, "none.mjs");
    expect(existsSync(missing)).toBe(false);
    const pool = createPool({
      size: 1,
      mode: "threads",
      workerUrl: new URL(`file://${missing}`),
    }) as unknown as TestPool;
    await expect(pool.run("echo", 1)).rejects.toMatchObject({ code: "internal" });
    await pool.close();
  });
});
