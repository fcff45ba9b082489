import { afterEach, describe, expect, it } from "vitest";
import { createHttpClient, type HttpClient } from "../../src/net/http.ts";
import { ociTarget } from "../../src/net/oci.ts";
import type { HttpOptions, SentRequest } from "../../src/net/types.ts";
import { startServer } from "../support/channel-server.ts";
import { type RegistryOptions, startRegistry } from "../support/oci-registry.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

const FILES = {
  "/noarch/repodata.json": '{"packages":{}}',
  "/noarch/_libgcc_mutex-0.1-main.conda": "conda bytes",
  "/noarch/_libgcc_mutex-0.1-main.tar.bz2": "older bytes",
  "/noarch/odd-1!2.0+local-py=3_0.conda": "odd bytes",
};

async function world(options: RegistryOptions = {}, clientOptions: HttpOptions = {}) {
  const registry = await startRegistry(FILES, options);
  const http = createHttpClient({ retries: 1, retryDelay: 1, ...clientOptions }, { events: () => {} });
  open.push(registry, http);
  const status = async (url: string, headers?: Record<string, string>): Promise<number> => {
    const response = await http.fetch(url, { headers });
    response.discard();
    return response.status;
  };
  return { registry, http, status };
}

const text = async (http: HttpClient, url: string): Promise<string> =>
  Buffer.from(await (await http.fetch(url)).bytes()).toString();

describe("addresses", () => {
  it("turns channel files into repositories, tags and layers", () => {
    expect(
      ociTarget("oci://ghcr.io/channel-mirrors/conda-forge/linux-64/xtensor-0.10.4-h431234.conda"),
    ).toEqual({
      origin: "https://ghcr.io",
      repository: "channel-mirrors/conda-forge/linux-64/xtensor",
      tag: "0.10.4-h431234",
      mediaType: "application/vnd.conda.package.v2",
    });
    expect(ociTarget("oci://h/c/noarch/_x-1%212+a-b=c_0.tar.bz2")).toMatchObject({
      repository: "c/noarch/zzz_x",
      tag: "1__e__2__p__a-b__eq__c_0",
      mediaType: "application/vnd.conda.package.v1",
    });
    expect(ociTarget("oci://h:5000/c/noarch/repodata.json.zst")).toMatchObject({
      origin: "https://h:5000",
      repository: "c/noarch/repodata.json",
      tag: "latest",
      mediaType: "application/vnd.conda.repodata.v1+json+zst",
    });
    expect(ociTarget("oci://localhost:5000/c/noarch/repodata.json")?.origin).toBe("http://localhost:5000");
  });

  it("knows what a registry cannot have, and refuses what is no address", () => {
    for (const file of [
      "repodata_shards.msgpack.zst",
      "run_exports.json",
      `x-${"1".repeat(130)}-0.conda`,
      "x-1-b*.conda",
    ])
      expect(ociTarget(`oci://h/c/noarch/${file}`)).toBeUndefined();
    for (const path of ["Upper/noarch", "a/%2e%2e%2fb/noarch", "a b/noarch", "-a/noarch"])
      expect(() => ociTarget(`oci://h/${path}/repodata.json`), path).toThrow(/no address in a registry/);
  });
});

describe("a registry", () => {
  it("looks through lists of manifests, and believes none whose digest is another", async () => {
    const { registry, http } = await world({ indexes: true });
    expect(await text(http, `${registry.channel}/noarch/_libgcc_mutex-0.1-main.conda`)).toBe("conda bytes");
    expect(await text(http, `${registry.channel}/noarch/repodata.json`)).toBe('{"packages":{}}');
    const odd = await world({ indexes: "damaged" });
    await expect(odd.http.fetch(`${odd.registry.channel}/noarch/repodata.json`)).rejects.toThrow(
      /its list promises/,
    );
    const missing = await http.fetch(`${registry.channel}/noarch/repodata.json.zst`);
    expect(missing.status).toBe(404);
  });

  it.each([["none"], ["anonymous"]] as const)(
    "serves packages and repodata by media type, with tokens: %s",
    async (tokens) => {
      const { registry, http } = await world({ tokens });
      const at = (file: string): string => `${registry.channel}/noarch/${file}`;
      expect(await text(http, at("repodata.json"))).toBe('{"packages":{}}');
      expect(await text(http, at("_libgcc_mutex-0.1-main.conda"))).toBe("conda bytes");
      expect(await text(http, at("_libgcc_mutex-0.1-main.tar.bz2"))).toBe("older bytes");
      expect(await text(http, at("odd-1!2.0+local-py=3_0.conda"))).toBe("odd bytes");
      const names = ["repodata.json", "zzz_libgcc_mutex", "odd"].map((name) => `owner/chan/noarch/${name}`);
      // One token for each repository, however many of its files are fetched.
      expect(registry.scopes).toEqual(tokens === "none" ? [] : names);
    },
  );

  it("asks for a new token when the old one has run out, and no more than once", async () => {
    const { registry, http, status } = await world({ tokenUses: 3 });
    const url = `${registry.channel}/noarch/repodata.json`;
    for (let i = 0; i < 4; i++) expect(await text(http, url)).toBe('{"packages":{}}');
    expect(registry.scopes.length).toBeGreaterThan(2);
    const never = await world({ tokenUses: 0 });
    expect(await never.status(`${never.registry.channel}/noarch/repodata.json`)).toBe(401);
    expect(never.registry.scopes).toHaveLength(1);
    expect(await status(`${registry.channel}/noarch/nothing-1-0.conda`)).toBe(404);
    expect(await status(`${registry.channel}/noarch/repodata_shards.msgpack.zst`)).toBe(404);
    expect(await status(`${registry.channel}/noarch/repodata.json.zst`)).toBe(404);
  });

  it("answers 304 from the manifest alone", async () => {
    const { registry, http, status } = await world();
    const url = `${registry.channel}/noarch/repodata.json`;
    const first = await http.fetch(url);
    await first.bytes();
    const { etag } = first.headers;
    expect(etag).toMatch(/^"sha256:[0-9a-f]{64}"$/);
    const before = registry.requests.length;
    expect(await status(url, { "if-none-match": etag! })).toBe(304);
    expect(registry.requests.slice(before).map((request) => request.path)).toEqual([
      "/v2/owner/chan/noarch/repodata.json/manifests/latest",
    ]);
  });

  it("follows to storage on another host without the token, and shows no secret of it", async () => {
    const storage = await startServer({});
    open.push(storage);
    const { registry, http } = await world({ storage });
    const faults = [...registry.blobs].map(([digest, bytes]) => ({
      match: `/${digest}`,
      body: bytes,
      times: 9,
    }));
    storage.faults.push(...faults);
    const response = await http.fetch(`${registry.channel}/noarch/repodata.json`);
    expect(Buffer.from(await response.bytes()).toString()).toBe('{"packages":{}}');
    expect(response.url).toBe(`${registry.channel}/noarch/repodata.json`);
    expect(storage.requests[0]!.headers["authorization"]).toBeUndefined();
  });

  it.each([
    ["the registry", false],
    ["storage that the registry redirects to", true],
  ])(
    "goes on where the connection to %s broke, without a validator and without the token elsewhere",
    async (_, elsewhere) => {
      const bytes = Buffer.alloc(900_000, "layer ");
      const files: Record<string, Uint8Array> = {};
      const storage = await startServer({ files });
      const registry = await startRegistry({ "/noarch/big-1-0.conda": bytes }, elsewhere ? { storage } : {});
      for (const [digest, blob] of registry.blobs) files[`/${digest}`] = blob;
      const http = createHttpClient({ retries: 1, retryDelay: 1 }, { events: () => {} });
      open.push(storage, registry, http);
      const server = elsewhere ? storage : registry;
      server.faults.push(
        { match: /sha256:/, cutAt: 300_000, noValidators: true },
        { match: /sha256:/, cutAt: 700_000, noValidators: true },
      );
      const response = await http.fetch(`${registry.channel}/noarch/big-1-0.conda`);
      expect(Buffer.from(await response.bytes()).equals(bytes)).toBe(true);
      const asked = server.requests.filter(({ path }) => path.includes("sha256:"));
      const starts = asked.map(({ headers }) =>
        Number(/^bytes=(\d+)-$/.exec(headers["range"] ?? "")?.[1] ?? 0),
      );
      expect(starts).toHaveLength(3);
      expect(starts).toEqual(starts.toSorted((a, b) => a - b));
      expect(starts[2]).toBeGreaterThan(300_000);
      for (const { headers } of asked) {
        expect(headers["if-range"]).toBeUndefined();
        expect(headers["authorization"] === undefined).toBe(elsewhere);
      }
    },
  );

  it("refuses what follows the first bytes when the tag names another layer meanwhile", async () => {
    const registry = await startRegistry(
      { "/noarch/big-1-0.conda": Buffer.alloc(900_000, "a") },
      { tokens: "none" },
    );
    const other = await startRegistry(
      { "/noarch/big-1-0.conda": Buffer.alloc(900_000, "b") },
      { tokens: "none" },
    );
    const http = createHttpClient({ retries: 1, retryDelay: 1 }, { events: () => {} });
    open.push(registry, other, http);
    registry.faults.push({ match: /sha256:/, cutAt: 300_000 });
    const response = await http.fetch(`${registry.channel}/noarch/big-1-0.conda`);
    const redirect = `${other.url}/v2/owner/chan/noarch/big/manifests/1-0`;
    registry.faults.push({ match: /manifests/, redirect });
    for (const [digest, bytes] of other.blobs) registry.blobs.set(digest, bytes);
    await expect(response.bytes()).rejects.toMatchObject({
      message: expect.stringContaining("cannot be resumed") as string,
      details: { restart: true },
    });
  });

  it("refuses a layer that is not the one of its digest", async () => {
    const { registry, http } = await world();
    for (const [digest, bytes] of registry.blobs)
      registry.blobs.set(digest, Buffer.from(bytes).fill(65, 0, 1));
    await expect(text(http, `${registry.channel}/noarch/repodata.json`)).rejects.toMatchObject({
      code: "http-error",
      message: expect.stringContaining("not what its registry's manifest promises") as string,
    });
  });

  it("logs in with the credentials of the channel, and says nothing of them when refused", async () => {
    const { registry, http, status } = await world(
      { tokens: { user: "ann:pass word" } },
      {
        credentials: (url) => (url.startsWith("oci:") ? { user: "ann", password: "pass%20word" } : undefined),
      },
    );
    const logins: unknown[] = [];
    const onSend = ({ login }: SentRequest) => logins.push(login);
    const found = await http.fetch(`${registry.channel}/noarch/repodata.json`, { onSend });
    expect(Buffer.from(await found.bytes()).toString()).toBe('{"packages":{}}');
    // The manifest, the token, the manifest again, its layer.
    expect(logins).toEqual([undefined, "basic", "basic", "basic"]);
    const stranger = createHttpClient({ retries: 0 }, { events: () => {} });
    open.push(stranger);
    const answer = await stranger.fetch(`${registry.channel}/noarch/repodata.json`);
    expect(answer.status).toBe(403);
    expect(await status(`${registry.channel.replace("//", "//ann:pass%20word@")}/noarch/repodata.json`)).toBe(
      200,
    );
  });

  it("gives its password to no token service on another host", async () => {
    const service = await startServer({ files: { "/token": '{"token":"t"}' } });
    const registry = await startServer({
      handler: (_, response) => {
        response.writeHead(401, { "www-authenticate": `Bearer realm="${service.url}/token"` }).end();
        return true;
      },
    });
    const http = createHttpClient(
      {
        retries: 0,
        credentials: (url) => (url.startsWith("oci:") ? { user: "ann", password: "pw" } : undefined),
      },
      { events: () => {} },
    );
    open.push(service, registry, http);
    const logins: unknown[] = [];
    const response = await http.fetch(`oci://127.0.0.1:${registry.port}/c/noarch/repodata.json`, {
      onSend: ({ login }) => logins.push(login),
    });
    response.discard();
    expect(response.status).toBe(401);
    expect(logins).toEqual([undefined, undefined, undefined]);
    expect(service.requests).toHaveLength(1);
    expect(service.requests[0]!.headers["authorization"]).toBeUndefined();
  });

  it("tries a token service again that is down for a while", async () => {
    const { registry, http } = await world();
    const url = `${registry.channel}/noarch/repodata.json`;
    registry.faults.push({ match: "/token", status: 503, times: 2 });
    await expect(text(http, url)).rejects.toThrow(/HTTP 503 \(2 times\)/);
    expect(await text(http, url)).toBe('{"packages":{}}');
  });

  it.each([
    ["<html>", /not valid JSON/],
    ["[]", /lists no layers/],
    [
      '{"layers":[{"mediaType":"application/vnd.conda.repodata.v1+json","digest":"md5:1"}]}',
      /no sha256 digest/,
    ],
  ])("refuses the manifest %s", async (manifest, message) => {
    const path = "/v2/owner/chan/noarch/repodata.json/manifests/latest";
    const server = await startServer({ files: { [path]: manifest } });
    const { http } = await world();
    open.push(server);
    const url = `oci://127.0.0.1:${server.port}/owner/chan/noarch/repodata.json`;
    await expect(text(http, url)).rejects.toThrow(message);
  });
});
