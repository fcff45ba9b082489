import type { HttpOptions } from "./types.ts";

/** What a deadline is kept over: a message of HTTP/1.1 or a stream of HTTP/2. */
interface IdleBody {
  readonly readableLength: number;
  destroy(error?: Error): unknown;
  on(event: "error", listener: () => void): unknown;
  once(event: "close", listener: () => void): unknown;
}

interface IdleTimer {
  setTimeout(milliseconds: number): unknown;
  on(event: "timeout", listener: () => void): unknown;
  off(event: "timeout", listener: () => void): unknown;
}

export interface Deadlines {
  /** Until a connection stands. */
  connecting(): void;
  /** From now until headers. */
  asked(): void;
  /** Headers are there: from now on without a byte of the body. `timer` tells of silence, `received` counts bytes of its connection. */
  answered(body: IdleBody, timer: IdleTimer, received: () => number): void;
  stop(): void;
}

/** Calls `expired` when a connection or headers take too long; a body that stalls is destroyed. */
export function createDeadlines(options: HttpOptions, expired: (error: Error) => void): Deadlines {
  let timer: NodeJS.Timeout | undefined;
  const within = (milliseconds: number, code: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => expired(timeoutError(code)), milliseconds);
  };
  return {
    connecting: () => within(options.connectTimeout ?? 10_000, "UND_ERR_CONNECT_TIMEOUT"),
    asked: () => within(options.headersTimeout ?? 60_000, "UND_ERR_HEADERS_TIMEOUT"),
    answered: (body, idle, received) => {
      clearTimeout(timer);
      const limit = options.lowSpeedTime ?? 30_000;
      const onIdle = (): void => {
        const before = received();
        // Timers come before sockets: when this thread was busy (or the machine asleep), bytes may wait to be read.
        setImmediate(() => {
          // Nothing is read while the reader is busy: that is no fault of the server.
          if (body.readableLength > 0 || received() > before) idle.setTimeout(limit);
          else body.destroy(timeoutError("UND_ERR_BODY_TIMEOUT"));
        });
      };
      idle.setTimeout(limit);
      idle.on("timeout", onIdle);
      body.on("error", () => {});
      body.once("close", () => {
        idle.setTimeout(0);
        idle.off("timeout", onIdle);
      });
    },
    stop: () => clearTimeout(timer),
  };
}

function timeoutError(code: string): Error {
  return Object.assign(new Error("timed out"), { code });
}
