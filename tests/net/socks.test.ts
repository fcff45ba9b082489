/** SOCKS5 proxies (RFC 1928, 1929): a stand-in on loopback that takes one name and password. */

import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import type { ToolError } from "../../src/errors.ts";
import { createHttpClient } from "../../src/net/http.ts";
import { TEST_CA } from "../support/channel-server.ts";
import { repoRoot } from "../support/shared.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket.on("error", () => {})));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  open.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((done) => server.close(done));
  });
  return (server.address() as AddressInfo).port;
}

type Behaviour = "works" | "closes" | "refuses the target";

/** Leads every name to `target`; `names` are those that it was asked for. */
async function socks(target: number, behaviour: Behaviour): Promise<{ port: number; names: string[] }> {
  const names: string[] = [];
  const next = (socket: Socket): Promise<Buffer> => new Promise((done) => socket.once("data", done));
  const serve = async (socket: Socket): Promise<void> => {
    if (behaviour === "closes") return void socket.destroy();
    await next(socket);
    socket.write(Buffer.from([5, 2]));
    const login = await next(socket);
    const good = login.equals(Buffer.from("\x01\x02me\x07hunter2", "latin1"));
    socket.write(Buffer.from([1, good ? 0 : 1]));
    if (!good) return void socket.end();
    const request = await next(socket);
    names.push(request.subarray(5, 5 + request[4]!).toString());
    if (behaviour === "refuses the target")
      return void socket.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0]));
    const upstream = connect(target, "127.0.0.1", () => {
      socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on("error", () => socket.destroy());
  };
  return { port: await listen(createServer((socket) => void serve(socket))), names };
}

function client(port: number, login = "me:hunter2@") {
  const http = createHttpClient(
    {
      retries: 0,
      headersTimeout: 2000,
      connectTimeout: 2000,
      sslVerify: TEST_CA,
      proxies: { all: `socks5h://${login}127.0.0.1:${port}` },
    },
    { events: () => {} },
  );
  open.push(() => http.close());
  return http;
}

it("carry http and https, and resolve the names", async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.name);
  process.on("warning", onWarning);
  open.push(() => process.off("warning", onWarning));
  const file = (name: string): Buffer => readFileSync(join(repoRoot, "tests/support/tls", name));
  const plain = await listen(createHttpServer((_, response) => response.end("plain")));
  const identity = { key: file("server.key"), cert: file("server.pem") };
  const secure = await listen(createTlsServer(identity, (_, response) => response.end("secret")));
  const [one, two] = [await socks(plain, "works"), await socks(secure, "works")];
  const text = async (port: number, url: string): Promise<string> =>
    Buffer.from(await (await client(port).fetch(url)).bytes()).toString();
  expect(await text(one.port, "http://channel.invalid/x")).toBe("plain");
  expect(await text(two.port, "https://localhost/x")).toBe("secret");
  expect([one.names, two.names]).toEqual([["channel.invalid"], ["localhost"]]);
  expect(warnings).toEqual([]);
});

it.each<[Behaviour, string]>([
  ["closes", "me:hunter2@"],
  ["refuses the target", "me:hunter2@"],
  ["works", "me:hunter3@"],
])("that %s (%s) are given up, without their password", async (behaviour, login) => {
  const { port } = await socks(1, behaviour);
  const urls = ["http://channel.invalid/x", "https://channel.invalid/x"];
  const errors = urls.map((url) =>
    client(port, login)
      .fetch(url)
      .then(
        () => expect.fail("no error"),
        (reason: unknown) => reason as ToolError,
      ),
  );
  for (const error of await Promise.all(errors)) {
    expect(error.code).toBe("channel-unreachable");
    expect(JSON.stringify(error) + error.message).not.toContain("hunter");
  }
});
