import { readFileSync } from "node:fs";
import { createSecureServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { createHttpClient, type HttpClient, type HttpOptions } from "../../src/net/http.ts";
import { repoRoot } from "../support/shared.ts";

const file = (name: string): string => join(repoRoot, "tests/support/tls", name);
const identity = { key: readFileSync(file("server.key")), cert: readFileSync(file("server.pem")) };
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** Listens; returns the origin, and how many connections there were. */
async function listen(server: Server): Promise<{ origin: string; connections(): number; cut(): void }> {
  const sockets = new Set<{ destroy(): void }>();
  let count = 0;
  server.on("connection", (socket) => {
    count += 1;
    sockets.add(socket);
    socket.on("error", () => {});
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  open.push(() => {
    cut();
    return new Promise((done) => server.close(done));
  });
  return {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    connections: () => count,
    cut,
  };
}

/** An HTTP/2 server that is told what to do with each request, by its number from 1. */
function http2(answer: (request: number, stream: ServerHttp2Stream) => void): Server {
  let count = 0;
  const server: Http2Server = createSecureServer(identity);
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    answer(++count, stream);
  });
  server.on("sessionError", () => {});
  return server as unknown as Server;
}

function client(options: HttpOptions = {}): HttpClient {
  const http = createHttpClient({ retries: 0, sslVerify: file("ca.pem"), ...options }, { events: () => {} });
  open.push(() => http.close());
  return http;
}

const text = async (http: HttpClient, url: string, signal?: AbortSignal): Promise<string> =>
  Buffer.from(await (await http.fetch(url, { signal })).bytes()).toString();

it("the connection that showed there is no HTTP/2 carries the first request, and is kept", async () => {
  const server = await listen(createTlsServer(identity, (_, response) => response.end("ok")));
  const http = client();
  expect(await text(http, `${server.origin}/a`)).toBe("ok");
  expect(await text(http, `${server.origin}/b`)).toBe("ok");
  expect(server.connections()).toBe(1);
  await Promise.all(Array.from({ length: 40 }, () => text(http, `${server.origin}/c`)));
  expect(server.connections()).toBeLessThanOrEqual(32);
});

it("a stream that the server cancels is no end of a body", async () => {
  const server = await listen(
    http2((_, stream) => {
      stream.respond({ ":status": 200 });
      stream.write("half", () =>
        setTimeout(() => {
          // With bytes still waiting, or Node would end the stream in good order first.
          stream.write(Buffer.alloc(10_000_000));
          stream.close(8);
        }, 20),
      );
    }),
  );
  await expect(text(client(), `${server.origin}/`)).rejects.toThrow(/closed the connection after \d+ bytes/);
});

it("a stream that ends in good order before the length that it announced is no end of a body", async () => {
  const server = await listen(
    http2((_, stream) => {
      stream.respond({ ":status": 200, "content-length": 1000 });
      stream.write("half", () => setTimeout(() => stream.close(0), 20));
    }),
  );
  await expect(text(client(), `${server.origin}/`)).rejects.toThrow(/after 4 bytes/);
});

it("a connection that is cut in the middle of a body is no end of it", async () => {
  const server = await listen(
    http2((_, stream) => {
      stream.respond({ ":status": 200 });
      stream.write("half", () => setTimeout(server.cut, 20));
    }),
  );
  await expect(text(client(), `${server.origin}/`)).rejects.toThrow(/after 4 bytes/);
});

it("asks again at once when the HTTP/2 connection was closed meanwhile, but not a second time", async () => {
  const requests: number[] = [];
  const server = await listen(
    http2((request, stream) => {
      requests.push(request);
      if (request === 2 || request >= 4) stream.session?.destroy();
      else {
        stream.respond({ ":status": 200 });
        stream.end("ok");
      }
    }),
  );
  const http = client();
  expect(await text(http, server.origin)).toBe("ok");
  expect(await text(http, server.origin)).toBe("ok");
  expect(requests.length).toBe(3);
  await expect(text(http, server.origin)).rejects.toMatchObject({ code: "channel-unreachable" });
  expect(requests.length).toBe(5);
});

it("a server that went away between requests is found anew", async () => {
  const server = await listen(
    http2((_, stream) => {
      stream.respond({ ":status": 200 });
      stream.end("ok");
    }),
  );
  const http = client();
  expect(await text(http, server.origin)).toBe("ok");
  server.cut();
  await new Promise((done) => setTimeout(done, 50));
  expect(await text(http, server.origin)).toBe("ok");
  expect(server.connections()).toBe(2);
});

it("gives up on headers that do not come, and tries on a new connection", async () => {
  const server = await listen(
    http2((request, stream) => {
      if (request === 1) return;
      stream.respond({ ":status": 200 });
      stream.end("ok");
    }),
  );
  const http = client({ headersTimeout: 1000, retries: 1, retryDelay: 1 });
  expect(await text(http, server.origin)).toBe("ok");
  expect(server.connections()).toBe(2);
});

it("breaks off a stream that falls silent", async () => {
  const server = await listen(
    http2((_, stream) => {
      stream.respond({ ":status": 200 });
      stream.write("half");
    }),
  );
  await expect(text(client({ lowSpeedTime: 500 }), server.origin)).rejects.toThrow(
    /the download stalled after 4 bytes/,
  );
});

it("a server that takes connections and says nothing is given up, once for all that wait for it", async () => {
  const server = await listen(createServer());
  const http = client({ connectTimeout: 500 });
  const failures = await Promise.all(
    Array.from({ length: 5 }, (_, i) => text(http, `${server.origin}/${i}`).catch((error: Error) => error)),
  );
  for (const failure of failures)
    expect(failure).toMatchObject({ message: expect.stringContaining("timed out while connecting") });
  expect(server.connections()).toBe(1);
});

it("an abort while connecting ends one request and not the others", async () => {
  const silent = await listen(createServer());
  const server = await listen(
    createTlsServer(identity, (_, response) => setTimeout(() => response.end("ok"), 50)),
  );
  const http = client();
  const controller = new AbortController();
  const stopped = text(http, silent.origin, controller.signal);
  const other = text(http, server.origin);
  const same = text(http, server.origin, controller.signal).catch((error: Error) => error);
  setTimeout(() => controller.abort(), 20);
  await expect(stopped).rejects.toMatchObject({ code: "interrupted" });
  expect(await same).toMatchObject({ code: "interrupted" });
  expect(await other).toBe("ok");
});
