import { interruption, ToolError } from "../errors.ts";
import type { RunOptions, TaskStream } from "./protocol.ts";
import type { Slot } from "./slot.ts";

export interface StreamState {
  slot: Slot;
  id: number;
  kind: string;
  input: unknown;
}

/** Socket chunks (16-64 kB, often slices of shared buffers, which cannot be transferred) are gathered into messages of this size. */
const MESSAGE_BYTES = 256 * 1024;
/** Bytes on their way to one stream's handler before `write` waits. */
const HIGH_WATER = 4 * MESSAGE_BYTES;

/** Buffers that one worker's streams keep for later. */
const MAX_SPARE = 8;

const READY = Promise.resolve();

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** The caller's end of a stream task. */
export function createTaskStream(state: StreamState, options: RunOptions = {}): TaskStream<unknown> {
  const { slot, id } = state;
  let failure: unknown;
  let outcome: { value: unknown } | undefined;
  let finished = false;
  let inFlight = 0;
  let buffer: Buffer | undefined;
  let used = 0;
  const waiting: Waiter[] = [];
  let ending: { resolve(value: unknown): void; reject(error: unknown): void } | undefined;
  let aborting: (() => void) | undefined;

  const wake = (): void => {
    for (const waiter of waiting.splice(0)) failure === undefined ? waiter.resolve() : waiter.reject(failure);
  };
  const finish = (): void => {
    if (finished) return;
    finished = true;
    slot.done(id);
    options.signal?.removeEventListener("abort", onAbort);
    buffer = undefined;
    wake();
    if (failure !== undefined) ending?.reject(failure);
    else if (outcome) ending?.resolve(outcome.value);
    aborting?.();
  };
  const onAbort = (): void => {
    failure ??= interruption(options.signal);
    wake();
    ending?.reject(failure);
    slot.send({ type: "abort", id });
  };

  slot.add(id, {
    receive: (message) => {
      if (message.type === "ack") {
        inFlight -= message.bytes;
        const { spare } = message;
        if (spare?.byteLength === MESSAGE_BYTES && slot.spare.length < MAX_SPARE) slot.spare.push(spare);
        if (inFlight < HIGH_WATER) wake();
      } else if (message.type === "progress") options.onProgress?.(message.value);
      else {
        if (message.type === "result") outcome = { value: message.value };
        else if (message.type === "error") failure ??= ToolError.fromJSON(message.error);
        finish();
      }
    },
    fail: (error) => {
      failure ??= error;
      finish();
    },
  });
  slot.send({ type: "stream", id, kind: state.kind, input: state.input }, options.transfer);
  if (options.signal?.aborted) onAbort();
  else options.signal?.addEventListener("abort", onAbort, { once: true });

  const flush = (): void => {
    if (!buffer || used === 0) return;
    const whole = buffer.buffer as ArrayBuffer;
    const chunk = new Uint8Array(whole, buffer.byteOffset, used);
    inFlight += used;
    buffer = undefined;
    used = 0;
    slot.send({ type: "chunk", id, chunk }, [whole]);
  };
  const gather = (chunk: Uint8Array): void => {
    for (let at = 0; at < chunk.byteLength; ) {
      // Not from Buffer's shared slab: the memory is transferred.
      const known = buffer ? undefined : slot.spare.pop();
      buffer ??= known ? Buffer.from(known) : Buffer.allocUnsafeSlow(MESSAGE_BYTES);
      const part = Math.min(MESSAGE_BYTES - used, chunk.byteLength - at);
      buffer.set(chunk.subarray(at, at + part), used);
      used += part;
      at += part;
      if (used === MESSAGE_BYTES) flush();
    }
  };

  return {
    write: (chunk) => {
      if (failure !== undefined) return Promise.reject(failure);
      gather(chunk);
      if (inFlight < HIGH_WATER) return READY;
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    end: () =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        flush();
        ending = { resolve, reject };
        slot.send({ type: "end", id });
      }),
    abort: (reason) =>
      new Promise((resolve) => {
        failure ??= reason ?? new ToolError("interrupted", "interrupted");
        if (finished) return resolve();
        aborting = resolve;
        slot.send({ type: "abort", id });
      }),
  };
}
