import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ChannelServer, startServer } from "./channel-server.ts";

export interface RegistryOptions {
  /** Tokens are wanted, as at ghcr.io; with `user`, only for that login (`user:password`). Default: anonymous tokens. */
  tokens?: "none" | "anonymous" | { user: string };
  /** Requests that a token is good for; default unlimited. */
  tokenUses?: number;
  /** Tags name a list of manifests: one of something else, then the one with the layers. `damaged`: with another digest. */
  indexes?: boolean | "damaged";
  /** Blobs are redirected here, as to cloud storage. */
  storage?: ChannelServer;
}

export interface Registry extends ChannelServer {
  /** `oci://127.0.0.1:PORT/owner/chan`. */
  channel: string;
  /** Repositories that tokens were given for. */
  scopes: string[];
  /** Blobs by digest; change one to damage it. */
  blobs: Map<string, Uint8Array>;
}

interface Layer {
  mediaType: string;
  digest: string;
  size: number;
}

const MEDIA: [RegExp, string][] = [
  [/\.conda$/, "application/vnd.conda.package.v2"],
  [/\.tar\.bz2$/, "application/vnd.conda.package.v1"],
  [/^repodata\.json$/, "application/vnd.conda.repodata.v1+json"],
  [/^repodata\.json\.zst$/, "application/vnd.conda.repodata.v1+json+zst"],
];

/** A loopback registry that holds a channel's files (`/noarch/x-1-0.conda`) the way the mirrors of conda-forge do. */
export async function startRegistry(
  files: Record<string, Uint8Array | string>,
  options: RegistryOptions = {},
): Promise<Registry> {
  const blobs = new Map<string, Uint8Array>();
  const manifests = new Map<string, Layer[]>();
  for (const [path, content] of Object.entries(files)) {
    const [, subdir = "", file = ""] = path.split("/");
    const mediaType = MEDIA.find(([pattern]) => pattern.test(file))?.[1];
    if (!mediaType) continue;
    const bytes = Buffer.from(content as Uint8Array);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    blobs.set(digest, bytes);
    const [, name, tag] = /^(.+)-([^-]+-[^-]+)\.(?:conda|tar\.bz2)$/.exec(file) ?? [
      "",
      "repodata.json",
      "latest",
    ];
    const safeTag = tag!.replace(/[+!=]/g, (c) => ({ "+": "__p__", "!": "__e__", "=": "__eq__" })[c]!);
    const key = `owner/chan/${subdir}/${name!.replace(/^_/, "zzz_")}/manifests/${safeTag}`;
    const layers = manifests.get(key) ?? [];
    layers.push({ mediaType, digest, size: bytes.length });
    manifests.set(key, layers);
  }
  const scopes: string[] = [];
  const uses = new Map<string, number>();
  const tokenOf = (repository: string): string => `token-for-${repository.replaceAll("/", ".")}`;

  const answerToken = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void => {
    const wanted = options.tokens;
    const basic = Buffer.from((request.headers.authorization ?? "").replace(/^Basic /, ""), "base64");
    if (typeof wanted === "object" && basic.toString() !== wanted.user) {
      response.writeHead(403).end("denied");
      return;
    }
    const repository = /^repository:(.+):pull$/.exec(query.get("scope") ?? "")?.[1] ?? "";
    scopes.push(repository);
    uses.set(tokenOf(repository), 0);
    response.end(JSON.stringify({ token: tokenOf(repository), expires_in: 300 }));
  };

  const listed = new Map<string, string>();
  const indexOf = (manifest: string): string => {
    const attestation = JSON.stringify({ schemaVersion: 2, layers: [] });
    const all = [attestation, manifest].map((text) => {
      const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
      listed.set(digest, options.indexes === "damaged" ? `${text} ` : text);
      return { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: text.length };
    });
    return JSON.stringify({ schemaVersion: 2, manifests: all });
  };

  const handler = (request: IncomingMessage, response: ServerResponse): boolean => {
    const url = new URL(request.url ?? "/", registry.url);
    if (url.pathname === "/token") {
      answerToken(request, response, url.searchParams);
      return true;
    }
    const [, repository, kind, reference] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? [];
    if (repository === undefined || reference === undefined) return false;
    if ((options.tokens ?? "anonymous") !== "none") {
      const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
      const used = uses.get(token) ?? 0;
      uses.set(token, used + 1);
      if (token !== tokenOf(repository) || used >= (options.tokenUses ?? Infinity)) {
        const challenge = `Bearer realm="${registry.url}/token",service="test",scope="repository:${repository}:pull"`;
        response.writeHead(401, { "www-authenticate": challenge }).end();
        return true;
      }
    }
    if (kind === "manifests") {
      const layers = manifests.get(`${repository}/manifests/${reference}`);
      const known = listed.get(decodeURIComponent(reference));
      const manifest = JSON.stringify({ schemaVersion: 2, layers });
      if (known !== undefined) response.end(known);
      else if (!layers) response.writeHead(404).end();
      else if (options.indexes) response.end(indexOf(manifest));
      else response.end(manifest);
      return true;
    }
    const bytes = blobs.get(decodeURIComponent(reference));
    if (!bytes) response.writeHead(404).end();
    else if (options.storage)
      response
        .writeHead(307, { location: `${options.storage.url}/${reference}?sig=secret-of-storage` })
        .end();
    else {
      // Like any other file: with ranges, and with faults.
      blobFiles[(request.url ?? "").split("?")[0]!] = bytes;
      return false;
    }
    return true;
  };
  const blobFiles: Record<string, Uint8Array> = {};
  const server = await startServer({ handler, files: blobFiles });
  const registry: Registry = Object.assign(server, {
    channel: `oci://127.0.0.1:${server.port}/owner/chan`,
    scopes,
    blobs,
  });
  return registry;
}
