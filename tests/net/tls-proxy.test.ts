import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Server as NetServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { ToolError } from "../../src/errors.ts";
import type { Event } from "../../src/events.ts";
import { createHttpClient, type HttpClient, type HttpOptions } from "../../src/net/http.ts";
import { loadTls } from "../../src/net/tls.ts";
import { startServer } from "../support/channel-server.ts";
import { repoRoot } from "../support/shared.ts";

const certs = join(repoRoot, "tests/support/tls");
const file = (name: string): string => join(certs, name);
const server = {
  key: readFileSync(file("server.key")),
  cert: readFileSync(file("server.pem")),
  ca: readFileSync(file("ca.pem")),
};
const open: (() => Promise<unknown>)[] = [];
const events: Event[] = [];

afterEach(async () => {
  events.length = 0;
  for (const close of open.splice(0).reverse()) await close();
});

async function listen(net: NetServer): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  net.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((done) => net.listen(0, "127.0.0.1", done));
  open.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => net.close(done));
  });
  return (net.address() as AddressInfo).port;
}

function client(options: HttpOptions): HttpClient {
  const http = createHttpClient({ retries: 0, ...options }, { events: (event) => events.push(event) });
  open.push(() => http.close());
  return http;
}

const failure = (promise: Promise<unknown>): Promise<ToolError> =>
  promise.then(
    () => expect.fail("no error"),
    (error: unknown) => error as ToolError,
  );
const text = async (http: HttpClient, url: string): Promise<string> =>
  Buffer.from(await (await http.fetch(url)).bytes()).toString();

describe("TLS", () => {
  const serve = (requestCert = false): Promise<number> =>
    listen(
      createTlsServer({ ...server, requestCert, rejectUnauthorized: requestCert }, (request, response) => {
        const peer = (
          request.socket as unknown as { getPeerCertificate(): { subject?: { CN: string } } }
        ).getPeerCertificate();
        response.end(`hello ${peer.subject?.CN ?? ""}`);
      }),
    );

  it("refuses an unknown root once, and says what to set", async () => {
    const port = await serve();
    const error = await failure(client({ retries: 3 }).fetch(`https://localhost:${port}/`));
    expect(error).toMatchObject({ code: "channel-unreachable", hint: expect.stringContaining("ssl_verify") });
    expect(error.message).not.toContain("times");
  });

  it("is never left by a redirect, with credentials or without", async () => {
    const plain = await startServer({ files: { "/x": "no" } });
    open.push(() => plain.close());
    const location = `http://localhost:${plain.port}/x?sig=hunter3`;
    const port = await listen(
      createTlsServer(server, (_, response) => response.writeHead(302, { location }).end()),
    );
    for (const user of ["", "me:hunter2@"]) {
      const error = await failure(
        client({ sslVerify: file("ca.pem") }).fetch(`https://${user}localhost:${port}/t/hunter4/y`),
      );
      expect(error).toMatchObject({ code: "http-error", message: expect.stringContaining("refused") });
      expect(JSON.stringify(error) + error.message).not.toContain("hunter");
    }
    expect(plain.requests).toEqual([]);
  });

  it("trusts a CA file, a directory of them, or nothing at all with a warning", async () => {
    const port = await serve();
    const url = `https://localhost:${port}/`;
    expect(await text(client({ sslVerify: file("ca.pem") }), url)).toBe("hello ");
    expect(await text(client({ sslVerify: certs }), url)).toBe("hello ");
    expect(events).toEqual([]);
    expect(await text(client({ sslVerify: false }), url)).toBe("hello ");
    expect(events).toMatchObject([{ type: "warning", code: "tls-unverified" }]);
  });

  it("names a CA path that is no use", async () => {
    for (const sslVerify of [file("none.pem"), file("README.md")]) {
      expect(await failure(client({ sslVerify }).fetch("https://localhost:1/"))).toMatchObject({
        code: "config-invalid",
        message: expect.stringContaining(sslVerify),
      });
    }
  });

  it("takes the system's roots, and no others", async () => {
    for (const sslVerify of ["<system>", "truststore"]) {
      const { ca = [], rejectUnauthorized } = await loadTls({ sslVerify }, (event) => events.push(event));
      expect(ca.join("\n")).toContain("BEGIN CERTIFICATE");
      expect(rejectUnauthorized).toBeUndefined();
    }
    expect(await loadTls({ sslVerify: true }, () => {})).toEqual({});
    const port = await serve();
    const error = await failure(client({ sslVerify: "<system>" }).fetch(`https://localhost:${port}/`));
    expect(error.code).toBe("channel-unreachable");
  });

  it("shows a client certificate", async () => {
    const port = await serve(true);
    const url = `https://localhost:${port}/`;
    const http = client({
      sslVerify: file("ca.pem"),
      clientCert: file("client.pem"),
      clientKey: file("client.key"),
    });
    expect(await text(http, url)).toBe("hello taipan test client");
    expect((await failure(client({ sslVerify: file("ca.pem") }).fetch(url))).code).toBe(
      "channel-unreachable",
    );
    expect(await failure(client({ clientCert: file("none") }).fetch(url))).toMatchObject({
      code: "config-invalid",
    });
  });

  it("speaks HTTP/2 where the server does, many streams on one connection, and resumes on it", async () => {
    const body = Buffer.alloc(3_000_000, "abcdefg");
    let sessions = 0;
    let broken = 0;
    const h2 = createSecureServer({ ...server, allowHTTP1: true, maxSessionMemory: 1000 });
    h2.on("session", () => {
      sessions += 1;
    });
    h2.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      const start = Number(/bytes=(\d+)-/.exec(String(headers.range ?? ""))?.[1] ?? 0);
      stream.respond({
        ":status": start > 0 ? 206 : 200,
        etag: '"1"',
        "content-length": body.length - start,
        ...(start > 0 ? { "content-range": `bytes ${start}-${body.length - 1}/${body.length}` } : {}),
      });
      if (headers[":path"] === "/break" && start === 0) {
        broken += 1;
        stream.write(body.subarray(0, 1_000_000), () => setTimeout(() => stream.close(2), 50));
      } else stream.end(body.subarray(start));
    });
    const port = await listen(h2 as unknown as NetServer);
    const http = client({ sslVerify: file("ca.pem"), retries: 2, retryDelay: 5 });
    const get = async (path: string): Promise<Buffer> =>
      Buffer.from(await (await http.fetch(`https://localhost:${port}${path}`)).bytes());
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => get(`/${i}`)));
    expect(all.every((bytes) => bytes.equals(body))).toBe(true);
    expect(sessions).toBe(1);
    expect((await get("/break")).equals(body)).toBe(true);
    expect(broken).toBe(1);
  });
});

describe("proxies", () => {
  interface Seen {
    connects: string[];
    requests: string[];
    authorization: (string | undefined)[];
  }

  async function proxy(
    status = 200,
    create: (listener: RequestListener) => Server = createServer,
  ): Promise<{ port: number; seen: Seen }> {
    const seen: Seen = { connects: [], requests: [], authorization: [] };
    const http = create((request, response) => {
      seen.requests.push(request.url ?? "");
      seen.authorization.push(request.headers["proxy-authorization"]);
      response.end("via proxy");
    });
    if (status !== 200)
      http.removeAllListeners("request").on("request", (_, response) => {
        response.writeHead(status, { "proxy-authenticate": "Basic" }).end("log in");
      });
    http.on("connect", (request, socket) => {
      seen.connects.push(request.url ?? "");
      seen.authorization.push(request.headers["proxy-authorization"]);
      if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      const [host = "", port = "443"] = (request.url ?? "").split(":");
      const upstream = connect(Number(port), host === "localhost" ? "127.0.0.1" : host, () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on("error", () => socket.destroy());
      socket.on("error", () => upstream.destroy());
    });
    return { port: await listen(http), seen };
  }

  it("sends plain requests to the proxy, with its password, and tunnels TLS", async () => {
    const { port, seen } = await proxy();
    const secure = await listen(createTlsServer(server, (_, response) => response.end("secret")));
    const address = `http://me:p%40ss@127.0.0.1:${port}`;
    const http = client({ proxies: { http: address, https: address }, sslVerify: file("ca.pem") });
    expect(await text(http, "http://channel.invalid/x")).toBe("via proxy");
    expect(seen.requests).toEqual(["http://channel.invalid/x"]);
    expect(await text(http, `https://localhost:${secure}/`)).toBe("secret");
    expect(seen.connects).toEqual([`localhost:${secure}`]);
    expect(seen.authorization).toEqual(Array(2).fill(`Basic ${Buffer.from("me:p@ss").toString("base64")}`));
  });

  it("makes tunnels for everything through a proxy that speaks TLS itself, which must be known", async () => {
    const { port, seen } = await proxy(200, (listener) => createTlsServer(server, listener) as Server);
    const secure = await listen(createTlsServer(server, (_, response) => response.end("secret")));
    const plain = await startServer({ files: { "/x": "plain" } });
    open.push(() => plain.close());
    const address = `https://me:p%40ss@localhost:${port}`;
    const http = client({ proxies: { all: address }, sslVerify: file("ca.pem") });
    expect(await text(http, `https://localhost:${secure}/`)).toBe("secret");
    expect(await text(http, `${plain.url}/x`)).toBe("plain");
    expect(seen.connects).toEqual([`localhost:${secure}`, `127.0.0.1:${plain.port}`]);
    expect(seen.authorization).toEqual(Array(2).fill(`Basic ${Buffer.from("me:p@ss").toString("base64")}`));
    const stranger = await failure(client({ proxies: { all: address } }).fetch(`${plain.url}/x`));
    expect(stranger.message).toMatch(/TLS failed/);
    expect(seen.connects).toHaveLength(2);
  });

  it("goes directly where NO_PROXY says", async () => {
    const { port, seen } = await proxy();
    const direct = await startServer({ files: { "/x": "direct" } });
    open.push(() => direct.close());
    const http = client({ proxies: { all: `127.0.0.1:${port}` }, noProxy: "127.0.0.0/8" });
    expect(await text(http, `${direct.url}/x`)).toBe("direct");
    expect(seen.requests).toEqual([]);
  });

  it.each(["https://localhost:9/", "http://channel.invalid/"])(
    "tells of a proxy that refuses %s, without its password",
    async (url) => {
      const { port } = await proxy(407);
      const address = `http://me:hunter2@127.0.0.1:${port}`;
      const error = await failure(client({ proxies: { all: address } }).fetch(url));
      expect(error.message).toContain("the proxy answered 407");
      expect(error.hint).toContain("proxy_servers");
      expect(JSON.stringify(error) + error.message).not.toContain("hunter2");
    },
  );

  it.each([
    [
      "closes the connection",
      (socket: { destroy(): void }) => socket.destroy(),
      "the proxy closed the connection",
    ],
    ["says nothing", () => {}, "the proxy did not answer in time"],
  ])("gives up on a proxy that %s instead of making a tunnel", async (_, answer, message) => {
    const http = createServer();
    let asked = 0;
    http.on("connect", (_request, socket) => {
      asked += 1;
      socket.on("error", () => {});
      answer(socket);
    });
    const address = `http://127.0.0.1:${await listen(http)}`;
    const options = { proxies: { all: address }, headersTimeout: 1000, retries: 1, retryDelay: 1 };
    const error = await failure(client(options).fetch("https://localhost:9/"));
    expect(error.message).toContain(`${message} (2 times)`);
    expect(asked).toBe(2);
  });

  it("tells of a proxy that is not there, without its password", async () => {
    for (const url of ["https://localhost:9/", "http://channel.invalid/"]) {
      const error = await failure(client({ proxies: { all: "http://me:hunter2@127.0.0.1:1" } }).fetch(url));
      expect(error.message).toContain("connection refused");
      expect(JSON.stringify(error) + error.message).not.toContain("hunter2");
    }
  });
});
