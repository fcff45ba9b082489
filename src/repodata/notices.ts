import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { ToolError } from "../errors.ts";
import { ensureSharedDir, readTextSync, writeAtomic } from "../fs/files.ts";
import type { HttpClient } from "../net/http.ts";
import type { Channel } from "../specs/channel.ts";

/** A message of a channel's owner (CEP 6). Texts are safe to print: without control characters and bounded. */
export interface ChannelNotice {
  channel: string;
  id: string;
  message: string;
  level: "info" | "warning" | "critical";
  /** Milliseconds since the epoch; 0 when the channel does not say. */
  created_at: number;
  /** Milliseconds since the epoch; undefined: never. */
  expires_at: number | undefined;
}

export interface NoticeOptions {
  /** Most notices in the answer, newest first: `number_channel_notices`; 0 fetches nothing. Default 5. */
  limit?: number | undefined;
  /** Leave out what an earlier run showed; `taipan notices` shows all. Default true. */
  unseenOnly?: boolean | undefined;
  /** Milliseconds after which a channel is asked again; an expired notice is asked for at once. Default a day. */
  interval?: number | undefined;
}

export interface NoticeContext {
  http: HttpClient;
  /** The `cache` directory of a package cache. */
  cacheDir: string;
  signal?: AbortSignal | undefined;
  /** Told of channels that could not be asked; by default nobody is. */
  onUnanswered?: ((channel: string) => void) | undefined;
  now?: (() => number) | undefined;
}

/** Notices on their way while a command does something else. */
export interface PendingNotices {
  /** What has arrived by now and is to be shown, and how many more there are; the rest is given up. */
  take(): Promise<{ notices: ChannelNotice[]; more: number }>;
  /** Gives up; nothing counts as shown. */
  cancel(): void;
}

interface NoticeState {
  url: string;
  /** When the channel was last asked, milliseconds since the epoch. */
  askedAt: number;
  notices: ChannelNotice[];
  /** Ids that were shown. */
  shown: string[];
}

const MAX_FILE = 1 << 20;
const MAX_MESSAGE = 4096;
const MAX_PER_CHANNEL = 20;
const DAY = 86_400_000;
/** A notice must never hold up a command for long. */
const PATIENCE = 10_000;

/** Notices of channels that are to be shown now, newest first; what is returned counts as shown. Failures are no errors. */
export async function fetchNotices(
  channels: readonly Pick<Channel, "name" | "baseUrl">[],
  options: NoticeOptions,
  context: NoticeContext,
): Promise<ChannelNotice[]> {
  if ((options.limit ?? 5) <= 0) return [];
  const now = context.now?.() ?? Date.now();
  const states = await Promise.all(
    channels.map((channel) => channelState(channel, { ...options, now }, context)),
  );
  return (await choose(states, { ...options, now })).notices;
}

/**
 * As fetchNotices, in the background: it neither delays nor fails the command that it belongs to. A channel that has not
 * answered when the command is done is asked again by the next one.
 */
export function requestNotices(
  channels: readonly Pick<Channel, "name" | "baseUrl">[],
  options: NoticeOptions,
  context: NoticeContext,
): PendingNotices {
  const over = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, over.signal]) : over.signal;
  const now = context.now?.() ?? Date.now();
  const arrived: LoadedState[] = [];
  for (const channel of channels)
    channelState(channel, { ...options, now }, { ...context, signal }).then(
      (state) => arrived.push(state),
      () => {},
    );
  return {
    take: () => {
      over.abort();
      return choose(arrived.slice(), { ...options, now });
    },
    cancel: () => over.abort(),
  };
}

interface LoadedState {
  path: string;
  state: NoticeState;
  /** It is newer than its file. */
  changed: boolean;
}

/** Chooses what to show, and writes down what was learnt and what counts as shown. */
async function choose(
  states: readonly LoadedState[],
  options: NoticeOptions & { now: number },
): Promise<{ notices: ChannelNotice[]; more: number }> {
  const found = states.flatMap(({ state }) =>
    state.notices.filter(({ id, expires_at }) => {
      if (expires_at !== undefined && expires_at <= options.now) return false;
      return options.unseenOnly === false || !state.shown.includes(id);
    }),
  );
  const notices = found.sort((a, b) => b.created_at - a.created_at).slice(0, options.limit ?? 5);
  for (const { path, state, changed } of states) {
    const fresh = notices.filter(
      (notice) => state.notices.includes(notice) && !state.shown.includes(notice.id),
    );
    // Ids of notices that are gone need not be remembered.
    const kept = state.shown.filter((id) => state.notices.some((notice) => notice.id === id));
    if (!changed && fresh.length === 0) continue;
    await save(path, { ...state, shown: [...kept, ...fresh.map(({ id }) => id)] });
  }
  return { notices, more: found.length - notices.length };
}

async function save(path: string, state: NoticeState): Promise<void> {
  try {
    await ensureSharedDir(dirname(path));
    await writeAtomic(path, JSON.stringify(state));
  } catch (error) {
    // A read-only cache shows a notice once more; that is no reason to fail a command.
    if (!(error instanceof ToolError)) throw error;
  }
}

async function channelState(
  channel: Pick<Channel, "name" | "baseUrl">,
  options: NoticeOptions & { now: number },
  context: NoticeContext,
): Promise<LoadedState> {
  const url = `${channel.baseUrl}/notices.json`;
  const path = join(
    context.cacheDir,
    "notices",
    `${createHash("md5").update(url).digest("hex").slice(0, 16)}.json`,
  );
  const state = readState(path, url);
  const { now } = options;
  const expired = state.notices.some(
    ({ expires_at }) => expires_at !== undefined && expires_at <= now && expires_at > state.askedAt,
  );
  const due = now < state.askedAt || now - state.askedAt >= (options.interval ?? DAY) || expired;
  if (!due || context.http.offline) return { path, state, changed: false };
  const answer = await ask(url, channel.name, context);
  if (answer === undefined) context.onUnanswered?.(channel.name);
  const notices = answer ?? state.notices;
  return { path, state: { ...state, askedAt: now, notices }, changed: true };
}

function readState(path: string, url: string): NoticeState {
  const empty: NoticeState = { url, askedAt: 0, notices: [], shown: [] };
  try {
    const state = JSON.parse(readTextSync(path) ?? "null") as NoticeState | null;
    if (state?.url !== url || !Array.isArray(state.notices) || !Array.isArray(state.shown)) return empty;
    return typeof state.askedAt === "number" ? state : empty;
  } catch {
    return empty;
  }
}

/** The notices that a channel has; none when it has no such file, undefined when that cannot be found out. */
async function ask(
  url: string,
  channel: string,
  context: NoticeContext,
): Promise<ChannelNotice[] | undefined> {
  const patience = AbortSignal.timeout(PATIENCE);
  const signal = context.signal ? AbortSignal.any([context.signal, patience]) : patience;
  try {
    const response = await context.http.fetch(url, { signal });
    if (response.status !== 200) {
      response.discard();
      return response.status === 404 ? [] : undefined;
    }
    return parseNotices(Buffer.from(await response.bytes(MAX_FILE)).toString("utf8"), channel);
  } catch (error) {
    if (context.signal?.aborted) throw error;
    return undefined;
  }
}

/** The well-formed notices of a `notices.json`; anything else in it is passed over. */
export function parseNotices(text: string, channel: string): ChannelNotice[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return [];
  }
  const list = (document as { notices?: unknown } | null)?.notices;
  if (!Array.isArray(list)) return [];
  return list.slice(0, MAX_PER_CHANNEL).flatMap((item: Record<string, unknown> | null): ChannelNotice[] => {
    if (item === null || typeof item !== "object" || typeof item["message"] !== "string") return [];
    const message = printable(item["message"]);
    const level = item["level"];
    return [
      {
        channel,
        id:
          typeof item["id"] === "string"
            ? printable(item["id"]).slice(0, 200)
            : createHash("md5").update(message).digest("hex"),
        message,
        level: level === "warning" || level === "critical" ? level : "info",
        created_at: time(item["created_at"]) ?? 0,
        expires_at: time(item["expires_at"] ?? item["expired_at"]),
      },
    ];
  });
}

/** Escape sequences in a message could forge what the tool prints. */
function printable(text: string): string {
  return text
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "")
    .slice(0, MAX_MESSAGE);
}

function time(value: unknown): number | undefined {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(at) ? at : undefined;
}
