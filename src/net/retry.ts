import { setTimeout as sleep } from "node:timers/promises";
import { interruption } from "../errors.ts";

/** A server that asks to wait longer than this (milliseconds) is not waited for. */
const LONGEST_WAIT = 120_000;

export interface RetryPolicy {
  retries: number;
  backoffFactor: number;
  retryDelay: number;
}

/** Statuses that a later try may change. */
export function isRetryable(status: number): boolean {
  return (
    status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505)
  );
}

/** Milliseconds that a Retry-After header asks for (seconds or an HTTP date), or undefined. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/**
 * Milliseconds to wait before try `attempt + 1` (the first try is 1), or undefined to give up: tries used up, or the server
 * asks for more patience than we have. Half of the wait is random, so that many clients do not come back at once.
 */
export function retryDelay(
  policy: RetryPolicy,
  attempt: number,
  retryAfter: number | undefined,
  random = Math.random(),
): number | undefined {
  if (attempt > policy.retries) return undefined;
  if (retryAfter !== undefined && retryAfter > LONGEST_WAIT) return undefined;
  const backoff = Math.min(policy.retryDelay * policy.backoffFactor ** (attempt - 1), LONGEST_WAIT / 2);
  return Math.max(backoff * (0.5 + random / 2), retryAfter ?? 0);
}

/** Waits, or throws `interrupted` when the signal aborts. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch {
    throw interruption(signal);
  }
}
