import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createHttpClient } from "../../src/net/http.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

/** A server that is told what to do with each request, by its number from 1. */
async function serve(answer: (request: number, socket: Socket) => void): Promise<string> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", () => answer(++count, socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((done) => server.close(done));
    },
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

it("asks again at once when the server has closed the idle connection meanwhile, but not a second time", async () => {
  let requests = 0;
  const url = await serve((request, socket) => {
    requests = request;
    if (request === 2 || request === 4 || request === 5) socket.resetAndDestroy();
    else socket.write(OK);
  });
  const http = createHttpClient({ retries: 0 }, { events: () => {} });
  open.push(http);
  const text = async (): Promise<string> => Buffer.from(await (await http.fetch(url)).bytes()).toString();
  expect(await text()).toBe("ok");
  expect(await text()).toBe("ok");
  expect(requests).toBe(3);
  await expect(http.fetch(url)).rejects.toMatchObject({ code: "channel-unreachable" });
  expect(requests).toBe(5);
});

// Elsewhere a full queue answers with a reset.
it.skipIf(process.platform !== "linux")(
  "gives up on a connection that never stands, and says so",
  async () => {
    const program = `require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 },
    function () { console.log(this.address().port); })`;
    const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    open.push({ close: () => child.kill("SIGKILL") });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const port = Number(line.toString());
    // Nobody accepts any more: connections beyond the queue wait for ever.
    child.kill("SIGSTOP");
    await expect.poll(() => readFileSync(`/proc/${child.pid}/stat`, "utf8")).toMatch(/\) T /);
    const fillers = Array.from({ length: 4 }, () => connect(port, "127.0.0.1").on("error", () => {}));
    for (const filler of fillers) open.push({ close: () => filler.destroy() });
    // The queue holds one more than it is said to.
    await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, "connect")));
    const http = createHttpClient({ retries: 0, connectTimeout: 500 }, { events: () => {} });
    open.push(http);
    await expect(http.fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow(/timed out while connecting/);
  },
);

it("gives up on headers that do not come, and says so", async () => {
  const url = await serve(() => {});
  const http = createHttpClient({ retries: 0, headersTimeout: 50 }, { events: () => {} });
  open.push(http);
  await expect(http.fetch(url)).rejects.toThrow(/did not answer in time/);
});

it("waits for a slow reader, and breaks off a silent server", async () => {
  const body = Buffer.alloc(4_000_000, "x");
  const url = await serve((request, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\netag: "1"\r\n\r\n`);
    socket.write(request === 1 ? body : body.subarray(0, 1000));
  });
  const http = createHttpClient({ retries: 0, lowSpeedTime: 700 }, { events: () => {} });
  open.push(http);
  let size = 0;
  for await (const chunk of (await http.fetch(url)).body) {
    // Longer than the limit, with the buffers full.
    if (size === 0) await new Promise((done) => setTimeout(done, 1500));
    size += chunk.byteLength;
  }
  expect(size).toBe(body.length);
  await expect((await http.fetch(url)).bytes()).rejects.toThrow(/the download stalled after 1000 bytes/);
});

it.each([
  ["another start", "content-range: bytes 0-3/8\r\ncontent-length: 4\r\n"],
  ["no range", "content-length: 4\r\n"],
])("takes no part of a file that has %s", async (_, range) => {
  const url = await serve((request, socket) => {
    if (request === 1) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 8\r\netag: "1"\r\n\r\nhalf');
    else socket.write(`HTTP/1.1 206 Partial Content\r\n${range}etag: "1"\r\n\r\nhalf`);
  });
  const http = createHttpClient({ retryDelay: 1 }, { events: () => {} });
  open.push(http);
  await expect((await http.fetch(url)).bytes()).rejects.toMatchObject({ details: { restart: true } });
});

it("keeps apart what connections receive at once, cut anywhere and in chunked encoding", async () => {
  const bodyOf = (letter: string): Buffer =>
    Buffer.from(Array.from({ length: 200_000 }, (_, i) => `${letter}${i},`).join(""));
  const url = await serve((request, socket) => {
    const body = bodyOf("abc"[request - 1]!);
    if (request === 1) {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      for (let at = 0; at < body.length; at += 70_001) {
        const part = body.subarray(at, at + 70_001);
        socket.write(`${part.length.toString(16)}\r\n`);
        socket.write(part);
        socket.write("\r\n");
      }
      socket.write("0\r\n\r\n");
    } else
      socket.write(
        Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`), body]),
      );
  });
  const http = createHttpClient({ retries: 0 }, { events: () => {} });
  open.push(http);
  const bodies = await Promise.all(
    [1, 2, 3].map(async () => Buffer.from(await (await http.fetch(url)).bytes())),
  );
  expect(bodies.map((body) => body.equals(bodyOf(body.toString("latin1", 0, 1))))).toEqual([
    true,
    true,
    true,
  ]);
  expect(new Set(bodies.map((body) => body[0])).size).toBe(3);
});
