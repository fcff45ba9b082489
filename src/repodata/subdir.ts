import { ToolError } from "../errors.ts";
import type { HttpResponse } from "../net/http.ts";
import type { Validators } from "../workers/protocol.ts";
import type { LoadContext, LoadOptions, SubdirRequest } from "./context.ts";
import { indexFlat, openIndex } from "./flat-subdir.ts";
import { openForeign } from "./foreign-cache.ts";
import { conditionalHeaders, confirmed, isFresh, validatorsOf } from "./http-cache.ts";
import type { IndexFile } from "./index-format.ts";
import {
  CACHED_HINT,
  fetchShardIndex,
  openShardIndex,
  type ShardIndex,
  type ShardPlaces,
} from "./shard-index.ts";
import {
  type CachePaths,
  cachePaths,
  isKnownAbsent,
  readState,
  SOURCES,
  type SourceKind,
  type SubdirState,
  writeState,
} from "./state.ts";

/** The repodata of one subdir in the form that was found. */
export type SubdirData =
  | { kind: "flat"; file: IndexFile }
  | { kind: "shards"; index: ShardIndex }
  | { kind: "missing" };

/** Files that a server may sometimes refuse rather than not have: object stores answer 403 for what is not there. */
const ABSENT = new Set([404, 410]);
const ABSENT_PROBE = new Set([400, 401, 403, 404, 405, 410]);
/** Times that a download starts over because the file changed under it. */
const MAX_RESTARTS = 3;

interface Job {
  request: SubdirRequest;
  options: LoadOptions;
  context: LoadContext;
  paths: CachePaths;
  /** Where other caches would have the same. */
  others: readonly CachePaths[];
  state: SubdirState;
  now: number;
}

/** Loads one subdir: from the cache while that is fresh, else from the server, in the best form that it has. */
export async function loadSubdir(
  request: SubdirRequest,
  options: LoadOptions,
  context: LoadContext,
): Promise<SubdirData> {
  const fn = options.repodataFn ?? "repodata.json";
  // conda and mamba name the cache of any other file after the URL with that file.
  const key = fn === "repodata.json" ? request.url : `${request.url}/${fn}`;
  const paths = cachePaths(context.cacheDir, key);
  const now = context.now?.() ?? Date.now();
  const others = (context.otherCacheDirs ?? []).map((dir) => cachePaths(dir, key));
  const job: Job = { request, options, context, paths, others, now, state: readState(paths, request.url) };
  const { channel, subdir } = request;
  context.events({ type: "repodata", channel, subdir, state: "start" });
  const data =
    (await fromCache(job)) ??
    (await fromServer(job).catch((error) => {
      throw inContext(error, job);
    }));
  if (data.kind === "missing") context.events({ type: "repodata", channel, subdir, state: "missing" });
  return data;
}

/** Forms to ask for, in order. */
function candidates(job: Job): SourceKind[] {
  const { options, state, now } = job;
  const plain = options.repodataFn === undefined || options.repodataFn === "repodata.json";
  return SOURCES.filter((kind) => {
    if (kind === "shards") {
      if (options.useShards === false || options.roots === undefined || !plain) return false;
    } else if (kind === "zst" && options.useZst === false) return false;
    // The plain file is what a subdir must have: never taken for absent without asking.
    return kind === "json" || !isKnownAbsent(state, kind, now);
  });
}

function fileName(kind: SourceKind, options: LoadOptions): string {
  if (kind === "shards") return "repodata_shards.msgpack.zst";
  const fn = options.repodataFn ?? "repodata.json";
  return kind === "json" ? fn : `${fn}.${kind}`;
}

type Usable = (facts: Validators) => boolean;
const always = (): boolean => true;

/** A file of one of the caches, and what is known of it. */
interface Held<T> {
  file: T;
  facts: Validators;
}

/** Facts of a cached file, with what a later 304 said of it: `later` are those of each cache, the own first. */
function factsOf(
  cached: { id: string; validators: Validators },
  later: readonly SubdirState["flat"][],
): Validators {
  return later.find((one) => one?.id === cached.id)?.validators ?? cached.validators;
}

/**
 * The first usable index of the own cache and of others, such as one that all users of a machine share and none can write. Who
 * does not hand it on closes it.
 */
function openHeldIndex(
  { request, paths, others, state }: Job,
  usable: Usable = always,
): Held<IndexFile> | undefined {
  for (const place of [paths, ...others]) {
    const file = openIndex(place.index, request.url);
    if (!file) continue;
    const facts = factsOf(file.header, [state.flat, readState(place, request.url).flat]);
    if (usable(facts)) return { file, facts };
    file.close();
  }
  return undefined;
}

/** As openHeldIndex; shards that are missing come into the own cache whichever has the index. */
function openHeldShards(
  { request, paths, others, state }: Job,
  usable: Usable = always,
): Held<ShardIndex> | undefined {
  const places = shardPlaces({ paths, others });
  for (const place of [paths, ...others]) {
    const file = openShardIndex(place.shards, request.url, places);
    if (!file) continue;
    const facts = factsOf(file, [state.shards, readState(place, request.url).shards]);
    if (usable(facts)) return { file, facts };
  }
  return undefined;
}

function shardPlaces({ paths, others }: Pick<Job, "paths" | "others">): ShardPlaces {
  return { path: paths.shards, others: others.map(({ shards }) => shards) };
}

/** Whether the server is known, to one of the caches, not to have the subdir. */
function isKnownMissing({ request, state, others }: Job): boolean {
  return [state, ...others.map((other) => readState(other, request.url))].some(
    ({ absent }) => absent.json !== undefined,
  );
}

function announceCached(job: Job, records: number): void {
  const { channel, subdir } = job.request;
  job.context.events({
    type: "repodata",
    channel,
    subdir,
    state: "cached",
    records,
  });
}

/** What may be used without asking the server. Opens the cached files at most once each. */
async function fromCache(job: Job): Promise<SubdirData | undefined> {
  const { paths, others, request, options, now, context } = job;
  const anyAge = options.useIndexCache === true || options.offline === true || context.http.offline;
  const local = request.url.startsWith("file:");
  // A local file is asked for its stamp each time: that is as cheap as looking at the cache.
  if (local && !options.useIndexCache) return undefined;
  const ttl = options.ttl ?? 1;
  const usable: Usable = (validators) => anyAge || isFresh(validators, ttl, now);
  if (candidates(job).includes("shards")) {
    const shardsTtl = options.shards?.ttl ?? ttl;
    const shards = openHeldShards(job, (facts) => anyAge || isFresh(facts, shardsTtl, now));
    if (shards) return { kind: "shards", index: shards.file };
  }
  const held = openHeldIndex(job, usable);
  if (held) {
    announceCached(job, held.file.header.records);
    return { kind: "flat", file: held.file };
  }
  for (const place of [paths, ...others]) {
    const file = await openForeign(request, { ...place, index: paths.index }, usable, context);
    if (file) return { kind: "flat", file };
  }
  if (anyAge && isKnownMissing(job)) return { kind: "missing" };
  if (!options.offline && !context.http.offline) return undefined;
  throw new ToolError(
    "offline-missing",
    `repodata of \`${request.channel}/${request.subdir}\` is not cached`,
    {
      hint: "run the command once without --offline",
      details: { url: `${request.url}/${fileName("json", options)}` },
    },
  );
}

async function fromServer(job: Job): Promise<SubdirData> {
  let damage: ToolError | undefined;
  for (const kind of candidates(job)) {
    try {
      const data = kind === "shards" ? await askShards(job) : await askFlat(job, kind);
      if (data) {
        if (damage) warnOfDamage(job, damage);
        return data;
      }
      job.state.absent[kind] = job.now;
    } catch (error) {
      // What is damaged may be whole on the next day, so it is not taken for absent.
      if (kind !== "shards" || !(error instanceof ToolError) || error.code !== "repodata-invalid")
        throw error;
      damage = error;
    }
  }
  if (damage) throw damage;
  await writeState(job.paths, job.state);
  return { kind: "missing" };
}

/** The same server answers for both forms: one that cannot be read is no reason to do without the other. */
function warnOfDamage(job: Job, { code, message, hint }: ToolError): void {
  job.context.events({
    type: "warning",
    code,
    message: `${message}; flat repodata is used in its place`,
    hint,
  });
}

/** The server has the subdir in this form. */
async function rememberFound({ request, paths, state }: Job, kind: SourceKind): Promise<void> {
  delete state.absent.json;
  delete state.absent[kind];
  if (!request.url.startsWith("file:")) await writeState(paths, state);
}

async function ask(
  job: Job,
  kind: SourceKind,
  stored: Validators | undefined,
): Promise<HttpResponse | undefined> {
  const { request, options, context } = job;
  const url = `${request.url}/${fileName(kind, options)}`;
  const headers = conditionalHeaders(stored);
  const response = await context.http.fetch(url, {
    headers,
    signal: context.signal,
    compressed: kind === "json",
  });
  if (response.status === 200 || (response.status === 304 && stored)) return response;
  response.discard();
  if ((kind === "json" ? ABSENT : ABSENT_PROBE).has(response.status)) return undefined;
  const label = `${request.channel}/${request.subdir}`;
  if (response.status === 401 || response.status === 403) {
    throw new ToolError(
      "auth-error",
      `the server of \`${label}\` refused access to ${response.url} (HTTP ${response.status})`,
      {
        hint: "log in with `taipan auth login`, or check the token in the channel URL",
      },
    );
  }
  throw new ToolError(
    "http-error",
    `repodata of \`${label}\` cannot be fetched: HTTP ${response.status} for ${response.url}`,
  );
}

async function askFlat(job: Job, kind: Exclude<SourceKind, "shards">): Promise<SubdirData | undefined> {
  const { request, options, context, paths, state } = job;
  const name = fileName(kind, options);
  const held = openHeldIndex(job);
  const cached = held?.file;
  const stored = cached?.header.source === name ? held?.facts : undefined;
  let file: IndexFile | undefined;
  try {
    const response = await ask(job, kind, stored);
    if (!response) return undefined;
    if (response.status === 304 && cached && stored) {
      file = cached;
      response.discard();
      announceCached(job, cached.header.records);
      state.flat = { id: cached.header.id, validators: confirmed(stored, response.headers, job.now) };
    } else {
      file = await withRestarts(job, kind, response, (answer) =>
        indexFlat(
          request,
          {
            name,
            body: answer.body,
            total: Number(answer.headers["content-length"]) || undefined,
            validators: validatorsOf(answer.headers, job.now),
          },
          paths.index,
          context,
        ),
      );
      state.flat = undefined;
    }
  } finally {
    if (cached && file !== cached) cached.close();
  }
  await rememberFound(job, kind);
  return { kind: "flat", file };
}

async function askShards(job: Job): Promise<SubdirData | undefined> {
  const { request, state } = job;
  const held = openHeldShards(job);
  const response = await ask(job, "shards", held?.facts);
  if (!response) return undefined;
  let index: ShardIndex;
  if (response.status === 304 && held) {
    index = held.file;
    response.discard();
    state.shards = { id: index.id, validators: confirmed(held.facts, response.headers, job.now) };
  } else {
    index = await withRestarts(job, "shards", response, (answer) =>
      fetchShardIndex(request, answer, shardPlaces(job), job.now),
    );
    state.shards = undefined;
  }
  await rememberFound(job, "shards");
  return { kind: "shards", index };
}

/** Fetches again when the file changed on the server in the middle of the download. */
async function withRestarts<T>(
  job: Job,
  kind: SourceKind,
  first: HttpResponse,
  use: (response: HttpResponse) => Promise<T>,
): Promise<T> {
  let response = first;
  for (let attempt = 1; ; attempt++) {
    try {
      return await use(response);
    } catch (error) {
      const restart = error instanceof ToolError && error.details?.["restart"] === true;
      if (!restart || attempt > MAX_RESTARTS) throw error;
      const again = await ask(job, kind, undefined);
      if (!again) throw error;
      response = again;
    }
  }
}

/** A failed transfer as an error that names the channel, and says so when there is an older copy to fall back on. */
function inContext(error: unknown, job: Job): unknown {
  if (!(error instanceof ToolError)) return error;
  if (!["http-error", "channel-unreachable"].includes(error.code)) return error;
  const label = `${job.request.channel}/${job.request.subdir}`;
  if (/^(repodata|the shard|the server) of /.test(error.message)) return error;
  const hint = isCached(job) ? CACHED_HINT : error.hint;
  const { details, message } = error;
  return new ToolError(error.code, `repodata of \`${label}\` cannot be fetched: ${message}`, {
    hint,
    details,
    cause: error,
  });
}

/** Whether an earlier answer of the server, be it that it has nothing, can be used in place of another. */
function isCached(job: Job): boolean {
  const old = openHeldIndex(job);
  old?.file.close();
  return old !== undefined || openHeldShards(job) !== undefined || isKnownMissing(job);
}
