import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ToolError } from "../../src/errors.ts";
import type { Event } from "../../src/events.ts";
import { createHttpClient, type HttpClient, type HttpOptions, type RetryInfo } from "../../src/net/http.ts";
import {
  type ChannelServer,
  type Fault,
  type ServerOptions,
  startServer,
} from "../support/channel-server.ts";

const payload = randomBytes(700_000);
const open: { close(): Promise<void> }[] = [];
let events: Event[] = [];

beforeEach(() => {
  events = [];
});
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

async function serve(options: ServerOptions = {}): Promise<ChannelServer> {
  const server = await startServer({ files: { "/noarch/a.conda": payload, "/small": "hello" }, ...options });
  open.push(server);
  return server;
}

function client(options: HttpOptions = {}): HttpClient {
  const http = createHttpClient(
    { retryDelay: 5, lowSpeedTime: 1500, ...options },
    { events: (event) => events.push(event) },
  );
  open.push(http);
  return http;
}

const failure = (promise: Promise<unknown>): Promise<ToolError> =>
  promise.then(
    () => expect.fail("no error"),
    (error: unknown) => error as ToolError,
  );

describe("plain requests", () => {
  it("gets a body, headers in lower case, and the final URL", async () => {
    const server = await serve();
    const response = await client().fetch(`${server.url}/noarch/a.conda`);
    expect(response.status).toBe(200);
    expect(response.headers["content-length"]).toBe(String(payload.length));
    expect(Buffer.compare(Buffer.from(await response.bytes()), payload)).toBe(0);
  });

  it("returns 404 and 304 at once", async () => {
    const server = await serve();
    const http = client();
    expect((await http.fetch(`${server.url}/none`)).status).toBe(404);
    const { etag } = (await http.fetch(`${server.url}/small`)).headers;
    const again = await http.fetch(`${server.url}/small`, { headers: { "if-none-match": etag! } });
    expect(again.status).toBe(304);
    expect(server.requests.length).toBe(3);
  });

  it("refuses a body above the limit", async () => {
    const server = await serve();
    const response = await client().fetch(`${server.url}/noarch/a.conda`);
    expect((await failure(response.bytes(1000))).message).toContain("larger than the 1000 bytes");
  });

  it("serves file URLs with validators", async () => {
    const directory = mkdtempSync(join(tmpdir(), "taipan-net-"));
    writeFileSync(join(directory, "a b.json"), "{}");
    const http = client({ offline: true });
    const url = pathToFileURL(join(directory, "a b.json")).href;
    const response = await http.fetch(url);
    expect(Buffer.from(await response.bytes()).toString()).toBe("{}");
    expect((await http.fetch(url, { headers: { "if-none-match": response.headers.etag! } })).status).toBe(
      304,
    );
    expect((await http.fetch(`${url}x`)).status).toBe(404);
    expect((await http.fetch(pathToFileURL(directory).href)).status).toBe(404);
    rmSync(directory, { recursive: true });
  });

  it("offline opens no socket and names the URL", async () => {
    const server = await serve();
    const error = await failure(client({ offline: true }).fetch(`${server.url}/t/sekrit/small`));
    expect(error.code).toBe("offline-missing");
    expect(error.message).toContain("/small");
    expect(JSON.stringify(error)).not.toContain("sekrit");
    expect(server.requests).toEqual([]);
  });

  it("asks for gzip only when told, and decodes it", async () => {
    const text = "x".repeat(100_000);
    const server = await serve({
      files: { "/j": gzipSync(text) },
      faults: [{ times: Infinity, headers: { "content-encoding": "gzip" } }],
    });
    const http = client();
    const decoded = await http.fetch(`${server.url}/j`, { compressed: true });
    expect(Buffer.from(await decoded.bytes()).toString()).toBe(text);
    expect(server.requests[0]!.headers["accept-encoding"]).toBe("gzip");
    const bomb = await http.fetch(`${server.url}/j`, { compressed: true });
    expect((await failure(bomb.bytes(5000))).code).toBe("http-error");
    (await http.fetch(`${server.url}/j`)).discard();
    expect(server.requests[2]!.headers["accept-encoding"]).toBe("identity");
  });
});

describe("bodies that a proxy compressed unasked", () => {
  const gzip = { "content-encoding": "gzip" };
  it("are decoded, also when the connection breaks", async () => {
    const bytes = gzipSync(payload);
    const server = await serve({ files: { "/a.conda": bytes } });
    server.faults.push({ headers: gzip, cutAt: bytes.length >> 1 }, { headers: gzip });
    const response = await client().fetch(`${server.url}/a.conda`);
    expect(Buffer.from(await response.bytes()).equals(payload)).toBe(true);
    expect(server.requests[1]!.headers["range"]).toMatch(/^bytes=/);
  });

  it("are left alone when they only say so, one byte or none included", async () => {
    const server = await serve({ files: { "/a": payload, "/b": Buffer.from([0x1f]), "/c": "" } });
    server.faults.push({ headers: gzip, times: Infinity });
    const get = async (path: string): Promise<Buffer> =>
      Buffer.from(await (await client().fetch(`${server.url}${path}`)).bytes());
    expect((await get("/a")).equals(payload)).toBe(true);
    expect((await get("/c")).length).toBe(0);
    expect((await get("/b")).length).toBe(1);
  });
});

it("hosts may be IPv6 addresses", async ({ skip }) => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.host);
    response.end("six");
  });
  const listening = await new Promise<boolean>((done) => {
    server.once("error", () => done(false));
    server.listen(0, "::1", () => done(true));
  });
  skip(!listening, "this machine has no IPv6");
  open.push({ close: () => new Promise((done) => server.close(() => done())) });
  const host = `[::1]:${(server.address() as AddressInfo).port}`;
  const response = await client().fetch(`http://${host}/x`);
  expect(Buffer.from(await response.bytes()).toString()).toBe("six");
  expect(seen).toEqual([host]);
});

describe("retries", () => {
  it.each([429, 500, 502, 503])("repeats a %d and tells of it", async (status) => {
    const server = await serve({ faults: [{ status, times: 2 }] });
    const retries: RetryInfo[] = [];
    const response = await client().fetch(`${server.url}/small`, { onRetry: (retry) => retries.push(retry) });
    expect(Buffer.from(await response.bytes()).toString()).toBe("hello");
    expect(retries.map((retry) => retry.reason)).toEqual([`HTTP ${status}`, `HTTP ${status}`]);
  });

  it("gives up with every try in the error", async () => {
    const server = await serve({ faults: [{ resetAt: 0 }, { status: 503, times: Infinity }] });
    const error = await failure(client({ retries: 2 }).fetch(`${server.url}/small`));
    expect(error.code).toBe("http-error");
    expect(error.message).toMatch(/cannot fetch `.*\/small`: .*closed.*, then HTTP 503 \(2 times\)/);
    expect(server.requests.length).toBe(3);
  });

  it("does not repeat what no repetition helps", async () => {
    const server = await serve({ faults: [{ status: 501, times: Infinity }] });
    expect((await client().fetch(`${server.url}/small`)).status).toBe(501);
    expect(server.requests.length).toBe(1);
  });

  it("waits as long as Retry-After says, and not for ever", async () => {
    const server = await serve({
      faults: [
        { status: 429, retryAfter: "1" },
        { status: 503, retryAfter: "999999" },
      ],
    });
    const http = client();
    const delays: number[] = [];
    const response = await http
      .fetch(`${server.url}/small`, { onRetry: (retry) => delays.push(retry.delay) })
      .catch((e: unknown) => e as ToolError);
    expect(delays).toEqual([1000]);
    expect(response).toMatchObject({ code: "http-error" });
  });

  it("a dead host is channel-unreachable", async () => {
    const server = await serve();
    await server.close();
    open.splice(open.indexOf(server), 1);
    const error = await failure(client({ retries: 1 }).fetch(`${server.url}/small`));
    expect(error).toMatchObject({
      code: "channel-unreachable",
      message: expect.stringContaining("connection refused (2 times)"),
    });
  });

  it("an aborted signal interrupts a wait", async () => {
    const server = await serve({ faults: [{ status: 503, times: Infinity }] });
    const error = await failure(
      client({ retryDelay: 60_000 }).fetch(`${server.url}/small`, { signal: AbortSignal.timeout(30) }),
    );
    expect(error.code).toBe("interrupted");
  });
});

describe("bodies that break", () => {
  const whole = async (
    fault: Fault | Fault[],
    options: HttpOptions = {},
  ): Promise<{ bytes: Buffer; server: ChannelServer }> => {
    const server = await serve({ faults: [fault].flat() });
    const response = await client(options).fetch(`${server.url}/noarch/a.conda`);
    return { bytes: Buffer.from(await response.bytes()), server };
  };

  it.each<[string, Fault]>([
    ["a reset", { resetAt: 300_000 }],
    ["a cut body", { cutAt: 299_999 }],
    ["a stall", { stallAt: 100_000 }],
    ["a slow drip", { drip: { bytes: 10, ms: 20 } }],
    ["a reset in the first byte", { resetAt: 1 }],
  ])("resumes after %s with Range and If-Range", async (_, fault) => {
    const { bytes, server } = await whole(fault, { lowSpeedLimit: 50_000 });
    expect(bytes.equals(payload)).toBe(true);
    expect(server.requests.length).toBe(2);
    const { range } = server.requests[1]!.headers;
    if (range !== undefined) expect(server.requests[1]!.headers["if-range"]).toMatch(/^"/);
    if ((fault.resetAt ?? 0) > 1) expect(range).toMatch(/^bytes=[1-9]/);
  });

  it("resumes again and again while there is progress", async () => {
    const faults = Array.from({ length: 2 }, (_, i) => ({ resetAt: 300_000 * (i + 1) }));
    const { bytes } = await whole(faults, { retries: 1 });
    expect(bytes.equals(payload)).toBe(true);
  });

  it("skips what it has when the server ignores ranges", async () => {
    const { bytes } = await whole([{ resetAt: 300_000 }, { noRange: true }]);
    expect(bytes.equals(payload)).toBe(true);
  });

  it.each<[string, Fault[]]>([
    ["changed", [{ resetAt: 300_000 }, { etag: '"other"', noRange: true }]],
    ["changed and the server ignores If-Range", [{ resetAt: 300_000 }, { etag: '"other"' }]],
    ["cannot be identified", [{ resetAt: 300_000, noValidators: true }]],
  ])("asks for a new start when the file %s", async (_, faults) => {
    const error = await failure(whole(faults));
    expect(error).toMatchObject({ code: "http-error", details: { restart: true } });
  });

  it("gives up when every try breaks", async () => {
    const error = await failure(whole([{ resetAt: 200_000, times: Infinity }], { retries: 2 }));
    expect(error).toMatchObject({ code: "http-error" });
    expect(error.message).toContain("broke off");
  });
});

describe("redirects", () => {
  it("follows, but not in circles", async () => {
    const server = await serve();
    server.faults.push(
      { match: "/from", redirect: `${server.url}/small` },
      { match: "/loop", redirect: "self", times: Infinity },
    );
    const http = client();
    const response = await http.fetch(`${server.url}/from`);
    expect(response.url).toBe(`${server.url}/small`);
    expect((await failure(http.fetch(`${server.url}/loop`))).message).toContain(
      "redirects more than 10 times",
    );
  });

  it.each(["file:///etc/passwd", "ftp://host/x", "http://["])("refuses a redirect to %s", async (target) => {
    const server = await serve({ faults: [{ redirect: target }] });
    expect(await failure(client().fetch(`${server.url}/x`))).toMatchObject({ code: "http-error" });
  });

  it("never takes credentials to another host", async () => {
    const other = await serve();
    // Same machine, another origin: `localhost` is not `127.0.0.1`.
    const server = await serve({ faults: [{ redirect: `http://localhost:${other.port}/small` }] });
    const mine = new URL(server.url);
    mine.username = "user";
    mine.password = "p%40ss";
    const sent: unknown[] = [];
    const response = await client({
      credentials: (url) => (url.startsWith(other.url) ? { bearer: "wrong host" } : undefined),
    }).fetch(`${mine.href}small`, {
      headers: { cookie: "c=1" },
      onSend: (request) => sent.push(request),
    });
    expect(sent).toEqual([
      { url: `${server.url}/small`, login: "basic" },
      { url: `http://localhost:${other.port}/small` },
    ]);
    expect(response.status).toBe(200);
    expect(server.requests[0]!.headers.authorization).toBe(
      `Basic ${Buffer.from("user:p@ss").toString("base64")}`,
    );
    expect(other.requests[0]!.headers.authorization).toBeUndefined();
    expect(other.requests[0]!.headers.cookie).toBeUndefined();
  });
});

describe("credentials", () => {
  it("puts tokens into the path, bearer and basic into the header, and shows none", async () => {
    const server = await serve({ files: { "/t/tok/chan/x": "1", "/chan/x": "2" } });
    const get = async (auth: object): Promise<{ text: string; url: string }> => {
      const response = await client({ credentials: () => auth }).fetch(`${server.url}/chan/x`);
      return { text: Buffer.from(await response.bytes()).toString(), url: response.url };
    };
    const token = await get({ token: "tok" });
    expect(token.text).toBe("1");
    expect(token.url).not.toContain("tok/");
    await get({ bearer: "abc" });
    expect(server.requests.at(-1)!.headers.authorization).toBe("Bearer abc");
    await get({ user: "u", password: "p" });
    expect(server.requests.at(-1)!.headers.authorization).toBe("Basic dTpw");
  });

  it("of a request's own keep stored ones out", async () => {
    const server = await serve();
    const http = client({ credentials: () => ({ token: "stored" }) });
    await http.fetch(`${server.url}/small`, { headers: { authorization: "Bearer own" } });
    const [{ path, headers }] = server.requests as [(typeof server.requests)[number]];
    expect([path, headers.authorization]).toEqual(["/small", "Bearer own"]);
  });

  it("no secret reaches errors or retry events", async () => {
    const server = await serve({ faults: [{ status: 500, times: Infinity }] });
    const seen: unknown[] = [];
    const url = `http://user:hunter2@127.0.0.1:${server.port}/t/hunter3/x?sig=hunter4`;
    const error = await failure(client({ retries: 1 }).fetch(url, { onRetry: (retry) => seen.push(retry) }));
    expect(JSON.stringify([error, error.message, seen])).not.toMatch(/hunter/);
    expect(server.requests[0]!.path).toBe("/t/hunter3/x?sig=hunter4");
  });
});

describe("mirrors", () => {
  it("goes on to the next mirror and leaves the failed one out", async () => {
    const bad = await serve({ faults: [{ status: 503, times: Infinity }] });
    const good = await serve();
    const http = client({ retries: 0, mirrors: { "https://channel.example/c": [bad.url, good.url] } });
    for (let i = 0; i < 3; i++)
      expect((await http.fetch("https://channel.example/c/small")).status).toBe(200);
    expect(bad.requests.length).toBe(1);
    expect(http.mirrorsOf("https://channel.example/c/small")).toEqual([`${good.url}/small`]);
    expect(http.mirrorsOf("https://channel.example/cc/small")).toEqual(["https://channel.example/cc/small"]);
  });

  it("takes a file that only the second has, and tells of both when both fail", async () => {
    const first = await serve({ files: {} });
    const second = await serve();
    const http = client({ retries: 0, mirrors: { "https://c.example": [first.url, second.url] } });
    expect((await http.fetch("https://c.example/small")).status).toBe(200);
    expect((await http.fetch("https://c.example/none")).status).toBe(404);
    for (const server of [first, second]) server.faults.push({ status: 500, times: Infinity });
    const error = await failure(http.fetch("https://c.example/small"));
    expect(error.message).toContain(first.url);
    expect(error.message).toContain(second.url);
  });
});
