import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { ToolError } from "../errors.ts";
import { redactUrl, splitCredentials, type UrlAuth } from "../specs/credentials.ts";
import { decodePercent } from "../util/percent.ts";
import { collect } from "./response.ts";
import { authorizationOf, type Opened, type SendContext, type SendRequest, sendFollowing } from "./send.ts";

/** Where a channel's file is in a registry (OCI distribution specification 1.1). */
export interface OciTarget {
  /** `https://ghcr.io`. */
  origin: string;
  /** `channel-mirrors/conda-forge/linux-64/xtensor`. */
  repository: string;
  tag: string;
  /** The layer of the manifest that is the file. */
  mediaType: string;
}

/** What `OciRegistries.open` returns: with a digest, which is its ETag too, when the body is the layer of that digest or a part of it. */
export interface OciOpened extends Opened {
  digest?: string | undefined;
}

const PACKAGE_LAYERS = {
  conda: "application/vnd.conda.package.v2",
  "tar.bz2": "application/vnd.conda.package.v1",
};
const REPODATA_LAYERS: Readonly<Record<string, string>> = {
  "repodata.json": "application/vnd.conda.repodata.v1+json",
  "repodata.json.zst": "application/vnd.conda.repodata.v1+json+zst",
  "repodata.json.gz": "application/vnd.conda.repodata.v1+json+gzip",
  "repodata.json.bz2": "application/vnd.conda.repodata.v1+json+bz2",
};
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
/** Lists of manifests, as of multi-platform images: the one that has the file's layer is looked for. */
const INDEXES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const ACCEPT = [MANIFEST, ...INDEXES].join(", ");
/** Manifests of one list that are looked at. */
const MAX_MANIFESTS = 16;
/** Grammars of the distribution specification. */
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** Manifests and tokens are a few kB. */
const MAX_ANSWER = 1 << 20;

/**
 * The place of `oci://host/channel/subdir/file`, as mamba, rattler and the mirrors of conda-forge have it: one repository
 * per package name (`zzz` before a leading underscore), tagged `version-build` with `+ ! =` written `__p__ __e__ __eq__`;
 * repodata in `subdir/repodata.json:latest`. Undefined for files that registries do not have, such as shards.
 */
export function ociTarget(url: string): OciTarget | undefined {
  const parsed = new URL(splitCredentials(url).url);
  const parts = parsed.pathname.split("/").filter(Boolean).map(decodePercent);
  const file = parts.pop() ?? "";
  const found = layerOf(file);
  if (!found || !TAG.test(found.tag)) return undefined;
  parts.push(found.name.replace(/^_/, "zzz_"));
  const wrong = parts.find((part) => !COMPONENT.test(part));
  if (wrong !== undefined || parsed.host === "") {
    throw new ToolError(
      "channel-invalid",
      `\`${redactUrl(url)}\` is no address in a registry: \`${wrong ?? ""}\` cannot be part of a repository's name`,
      {
        hint: "OCI channels look like `oci://ghcr.io/channel-mirrors/conda-forge`, in lower case",
      },
    );
  }
  // As docker and podman do: a registry on this very machine is spoken to without TLS.
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(parsed.host);
  return {
    origin: `${local ? "http" : "https"}://${parsed.host}`,
    repository: parts.join("/"),
    tag: found.tag,
    mediaType: found.mediaType,
  };
}

function layerOf(file: string): { name: string; tag: string; mediaType: string } | undefined {
  const [, name, version, build, kind] = /^(.+)-([^-]+)-([^-]+)\.(conda|tar\.bz2)$/.exec(file) ?? [];
  if (name !== undefined) {
    const tag = `${version}-${build}`
      .replaceAll("+", "__p__")
      .replaceAll("!", "__e__")
      .replaceAll("=", "__eq__");
    return { name, tag, mediaType: PACKAGE_LAYERS[kind as keyof typeof PACKAGE_LAYERS] };
  }
  const mediaType = Object.hasOwn(REPODATA_LAYERS, file) ? REPODATA_LAYERS[file] : undefined;
  return mediaType === undefined ? undefined : { name: "repodata.json", tag: "latest", mediaType };
}

interface Challenge {
  realm: string;
  service: string | undefined;
}

/** The registries of one client: what they asked for, and the tokens that they gave. */
export class OciRegistries {
  private readonly challenges = new Map<string, Challenge>();
  /** By origin and repository: registries give a token for one repository. */
  private readonly tokens = new Map<string, Promise<string | Opened>>();
  private readonly context: SendContext;

  constructor(context: SendContext) {
    this.context = context;
  }

  /**
   * Looks the file up in its manifest and opens its layer. Statuses that are not 2xx are returned as they came, 404 also for
   * what a registry cannot have, 304 when `if-none-match` names the layer.
   */
  async open(url: string, request: SendRequest): Promise<OciOpened> {
    const target = ociTarget(url);
    if (!target) return plain(url, 404);
    const login = splitCredentials(url).auth ?? (await this.context.options.credentials?.(url));
    // What has a digest is the same for ever: a part of it needs no If-Range, which many storages would not know what to do with.
    const { "if-none-match": known, "if-modified-since": _, "if-range": _i, ...headers } = request.headers;
    const base = `${target.origin}/v2/${target.repository}`;
    const ask = (path: string, init: SendRequest): Promise<Opened> =>
      this.send(`${base}/${path}`, init, target, login);
    const { range: _r, ...whole } = headers;
    const manifest = (reference: string): Promise<Opened> =>
      ask(`manifests/${reference}`, { ...request, headers: { ...whole, accept: ACCEPT } });
    const found = await manifest(target.tag);
    if (found.raw.status !== 200) return { ...found, url };
    const digest = await findLayer(await readJson(found, url), target.mediaType, url, manifest);
    if (digest === undefined) return plain(url, 404);
    if (known === `"${digest}"`) return plain(url, 304, { etag: known });
    const { raw } = await ask(`blobs/${digest}`, { ...request, headers });
    if (raw.status < 200 || raw.status > 299) return { raw, url };
    return { raw: { ...raw, headers: { ...raw.headers, etag: `"${digest}"` } }, url, digest };
  }

  private async send(
    url: string,
    request: SendRequest,
    target: OciTarget,
    login: UrlAuth | undefined,
  ): Promise<Opened> {
    const key = `${target.origin} ${target.repository}`;
    for (let again = false; ; again = true) {
      const token = await this.token(key, target, login, request);
      if (typeof token === "object") return token;
      const headers =
        token === undefined ? request.headers : { ...request.headers, authorization: `Bearer ${token}` };
      const known = this.challenges.get(target.origin);
      const used = known && login?.bearer === undefined ? loginFor(known, target, login) : login;
      const opened = await sendFollowing(url, { ...request, headers, login: used ?? {} }, this.context);
      const challenge =
        opened.raw.status === 401 && !again
          ? parseChallenge(opened.raw.headers["www-authenticate"])
          : undefined;
      if (!challenge) return opened;
      // No token yet, or one that has run out.
      opened.raw.body.resume();
      this.challenges.set(target.origin, challenge);
      this.tokens.delete(key);
    }
  }

  /** A token for the repository, the unhappy answer to asking for one, or undefined while nobody asked for one. */
  private async token(
    key: string,
    target: OciTarget,
    login: UrlAuth | undefined,
    request: SendRequest,
  ): Promise<string | Opened | undefined> {
    if (login?.bearer !== undefined) return login.bearer;
    const challenge = this.challenges.get(target.origin);
    if (!challenge) return undefined;
    let asking = this.tokens.get(key);
    if (!asking) {
      asking = this.requestToken(challenge, target, login, request);
      this.tokens.set(key, asking);
    }
    try {
      const token = await asking;
      if (typeof token === "object") this.tokens.delete(key);
      return token;
    } catch (error) {
      this.tokens.delete(key);
      throw error;
    }
  }

  private async requestToken(
    challenge: Challenge,
    target: OciTarget,
    login: UrlAuth | undefined,
    request: SendRequest,
  ): Promise<string | Opened> {
    const { realm, service } = challenge;
    const url = new URL(realm);
    if (url.protocol !== "https:" && !(url.protocol === "http:" && target.origin.startsWith("http:"))) {
      throw new ToolError(
        "http-error",
        `the registry \`${target.origin}\` wants its tokens fetched from \`${redactUrl(realm)}\`, which is refused`,
      );
    }
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", `repository:${target.repository}:pull`);
    const headers: Record<string, string> = {
      "user-agent": request.headers["user-agent"] ?? "taipan",
      "accept-encoding": "identity",
      accept: "application/json",
    };
    const used = loginFor(challenge, target, login);
    const authorization = authorizationOf(used);
    if (authorization !== undefined) headers["authorization"] = authorization;
    const opened = await sendFollowing(url.href, { ...request, headers, login: used ?? {} }, this.context);
    if (opened.raw.status !== 200) return opened;
    const answer = (await readJson(opened, url.origin)) as {
      token?: unknown;
      access_token?: unknown;
    } | null;
    const token = answer?.token ?? answer?.access_token;
    if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token))
      throw new ToolError("http-error", `\`${url.origin}\` gave no token for \`${target.repository}\``);
    return token;
  }
}

/** The registry's password is for the registry: a token service on another host is asked anonymously. */
function loginFor({ realm }: Challenge, target: OciTarget, login: UrlAuth | undefined): UrlAuth | undefined {
  return new URL(realm).origin === target.origin ? login : undefined;
}

/** `Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="…"` (RFC 6750, distribution specification). */
function parseChallenge(header: string | undefined): Challenge | undefined {
  const bearer = /(?:^|,)\s*bearer\s+(.*)$/i.exec(header ?? "")?.[1];
  if (bearer === undefined) return undefined;
  const value = (name: string): string | undefined =>
    new RegExp(`(?:^|[\\s,])${name}="([^"]*)"`, "i").exec(bearer)?.[1];
  const realm = value("realm");
  return realm !== undefined && URL.canParse(realm) ? { realm, service: value("service") } : undefined;
}

/** The layer of a manifest, or of the first manifest of a list that has it. */
async function findLayer(
  top: unknown,
  mediaType: string,
  url: string,
  ask: (digest: string) => Promise<Opened>,
): Promise<string | undefined> {
  const { manifests, layers } = (top ?? {}) as { manifests?: unknown; layers?: unknown };
  if (!Array.isArray(manifests) || layers !== undefined) return layerDigest(top, mediaType, url);
  for (const item of manifests.slice(0, MAX_MANIFESTS)) {
    const { digest } = (item ?? {}) as { digest?: unknown };
    if (typeof digest !== "string" || !DIGEST.test(digest)) continue;
    const opened = await ask(digest);
    const bytes = await readAnswer(opened, url);
    if (opened.raw.status !== 200) continue;
    if (`sha256:${createHash("sha256").update(bytes).digest("hex")}` !== digest)
      throw new ToolError(
        "http-error",
        `a manifest of \`${redactUrl(url)}\` is not the one that its list promises`,
      );
    const layer = layerDigest(parseAnswer(bytes, url), mediaType, url);
    if (layer !== undefined) return layer;
  }
  return undefined;
}

function layerDigest(manifest: unknown, mediaType: string, url: string): string | undefined {
  const layers = (manifest as { layers?: unknown } | null)?.layers;
  if (!Array.isArray(layers))
    throw new ToolError("http-error", `the manifest of \`${redactUrl(url)}\` lists no layers`);
  const layer = layers.find((item) => (item as { mediaType?: unknown } | null)?.mediaType === mediaType) as
    | { digest?: unknown }
    | undefined;
  if (layer === undefined) return undefined;
  const { digest } = layer;
  if (typeof digest !== "string" || !DIGEST.test(digest))
    throw new ToolError("http-error", `the manifest of \`${redactUrl(url)}\` names no sha256 digest`);
  return digest;
}

const readAnswer = (opened: Opened, url: string): Promise<Uint8Array> =>
  collect(opened.raw.body, MAX_ANSWER, redactUrl(url));

async function readJson(opened: Opened, url: string): Promise<unknown> {
  return parseAnswer(await readAnswer(opened, url), url);
}

function parseAnswer(bytes: Uint8Array, url: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown;
  } catch {
    throw new ToolError("http-error", `the registry's answer for \`${redactUrl(url)}\` is not valid JSON`);
  }
}

function plain(url: string, status: number, headers: Record<string, string> = {}): OciOpened {
  return { raw: { status, headers, body: Readable.from([]) }, url };
}
