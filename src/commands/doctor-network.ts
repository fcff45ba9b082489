import { ToolError } from "../errors.ts";
import type { HttpClient } from "../net/http.ts";
import { type TlsRoots, tlsRoots } from "../net/tls.ts";
import type { LoginKind, SentRequest } from "../net/types.ts";
import { type Channel, redactText } from "../specs/channel.ts";
import { chooseChannels } from "./channels.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { httpOptions } from "./http-options.ts";
import { openResources } from "./resources.ts";

/** How one address of a channel answered: the channel's own, or one of its mirrors. */
export interface Reach {
  channel: string;
  url: string;
  /** Why the channel cannot be used there, in a sentence; null where it can. */
  error: string | null;
  /** Until the first answer, or until there was none. */
  seconds: number;
  /** Without its password; null for a direct connection, and for files. */
  proxy: string | null;
  /** What kind of login was sent; null for none. */
  login: LoginKind | null;
}

export interface NetworkReport {
  /** Null where the configured ones cannot be read. */
  tls: { roots: TlsRoots | null; client_certificate: string | null };
  channels: readonly Reach[];
}

export interface NetworkFindings {
  report: NetworkReport;
  /** What keeps a channel from being used, in sentences. */
  errors: readonly string[];
  /** A mirror that does not answer, while another one does. */
  warnings: readonly string[];
}

/** Asks each configured channel, and each mirror of it, for its index once, all at the same time. What fails is a finding. */
export async function examineNetwork(context: CommandContext): Promise<NetworkFindings> {
  if (context.config.offline)
    throw new ToolError("usage", "--network asks the channels, and taipan is offline", {
      hint: "leave --offline out, and `offline: true` out of the configuration",
    });
  const errors: string[] = [];
  const failed = (error: unknown) => {
    if (!(error instanceof ToolError)) throw error;
    errors.push(error.message);
  };
  const { sslVerify, clientCert = null, clientKey } = httpOptions(context.config, context, () => undefined);
  const roots = await tlsRoots({ sslVerify, clientCert: clientCert ?? undefined, clientKey }).catch(failed);
  let channels: Channel[] = [];
  try {
    channels = chooseChannels({ channels: [], fileChannels: [], nodefaults: false }, context);
  } catch (error) {
    failed(error);
  }
  const reached = await askAll(channels, context);
  const works = new Set(reached.filter(({ error }) => error === null).map(({ channel }) => channel));
  const warnings: string[] = [];
  for (const { channel, url, error } of reached)
    if (error !== null) (works.has(channel) ? warnings : errors).push(`${url}: ${error}`);
  const report = { tls: { roots: roots ?? null, client_certificate: clientCert }, channels: reached };
  return { report, errors, warnings };
}

async function askAll(channels: readonly Channel[], context: CommandContext): Promise<Reach[]> {
  // A client of its own: who looks for the reason of a failure need not wait for it four times.
  const resources = openResources({ ...context.config, remoteMaxRetries: 0 }, context);
  resources.useChannels(channels);
  try {
    const addresses = channels.flatMap((channel) =>
      (channel.mirrors.length > 0 ? channel.mirrors : [channel.baseUrl]).map((url) => ({ channel, url })),
    );
    return await Promise.all(
      addresses.map(({ channel, url }) => ask(channel, url, { http: resources.http(), context })),
    );
  } finally {
    await resources.close();
  }
}

interface Asking {
  http: HttpClient;
  context: CommandContext;
}

async function ask(channel: Channel, url: string, { http, context }: Asking): Promise<Reach> {
  const sent: SentRequest[] = [];
  const started = performance.now();
  let seconds: number | undefined;
  const stop = () => {
    seconds ??= Math.round(performance.now() - started) / 1000;
  };
  let wrong: string | null = "there is no channel: it has no index (HTTP 404)";
  try {
    for (const index of indexesOf(channel, context)) {
      const response = await http.fetch(`${url}/${index}`, {
        // Who is there is the question: the index itself may have hundreds of megabytes.
        headers: { range: "bytes=0-0" },
        noMirrors: true,
        signal: context.signal,
        onSend: (request) => sent.push(request),
      });
      response.discard();
      stop();
      if (response.status === 404) continue;
      wrong = response.status < 400 ? null : describeRefusal(response.status);
      break;
    }
  } catch (error) {
    if (!(error instanceof ToolError) || context.signal.aborted) throw error;
    stop();
    wrong = redactText(error.message);
  }
  return {
    channel: channel.name,
    url,
    error: wrong,
    seconds: seconds ?? 0,
    proxy: sent.findLast(({ proxy }) => proxy !== undefined)?.proxy ?? null,
    login: sent.findLast(({ login }) => login !== undefined)?.login ?? null,
  };
}

/** Files of which a channel has one at least, below its address. */
function indexesOf(channel: Channel, context: CommandContext): string[] {
  const subdirs = channel.urls(platformOf(context)).map(({ subdir }) => subdir);
  const whole = context.config.repodataFns[0] ?? "repodata.json";
  return [whole, "repodata_shards.msgpack.zst", "repodata.json.zst"].flatMap((file) =>
    subdirs.map((subdir) => `${subdir}/${file}`),
  );
}

function describeRefusal(status: number): string {
  const refused = status === 401 || status === 403;
  return refused
    ? `no access (HTTP ${status}): \`taipan auth login HOST\` stores a login`
    : `the server answers HTTP ${status}`;
}
