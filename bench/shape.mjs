// A TCP proxy on loopback that is as slow as a real line: `shapeInThread(port, { latency, megabits })` resolves to
// `{ url, close }`. `latency` is a round trip in milliseconds, and a connection costs one; all connections share the bandwidth.
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

/** Bytes are let through in turns of this many milliseconds. */
const TURN = 2;

export function shapeInThread(port, line) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { shape: { port, line } } });
  return new Promise((done, failed) => {
    worker.once("error", failed);
    worker.once("message", (url) => done({ url, close: () => worker.terminate() }));
  });
}

function shape({ port, line }) {
  const perTurn = ((line.megabits * 1e6) / 8 / 1000) * TURN;
  const waiting = [];
  let allowance = 0;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    // A late timer makes up for what it missed, but an idle line saves nothing.
    allowance = Math.min(allowance + (perTurn * (now - last)) / TURN, perTurn * 25);
    last = now;
    while (allowance > 0 && waiting.length > 0) {
      const head = waiting.shift();
      const n = Math.min(head.chunk.length, 16_384);
      allowance -= n;
      const piece = head.chunk.subarray(0, n);
      head.chunk = head.chunk.subarray(n);
      setTimeout(() => head.send(piece), line.latency / 2);
      // Connections take turns.
      if (head.chunk.length > 0) waiting.push(head);
      else head.done();
    }
  }, TURN);

  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    let first = true;
    const quiet = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on("error", quiet).on("close", quiet);
    upstream.on("error", quiet);
    // After what is still on its way. Without it a client would reuse a connection that the server has closed.
    const finish = () => setTimeout(() => client.end(), line.latency / 2 + 1);
    upstream.on("end", () => waiting.push({ chunk: Buffer.alloc(0), send() {}, done: finish }));
    client.setNoDelay(true);
    client.on("data", (chunk) => {
      // The handshake of a real line is a round trip of its own.
      setTimeout(() => upstream.write(chunk), line.latency / 2 + (first ? line.latency : 0));
      first = false;
    });
    upstream.on("data", (chunk) => {
      upstream.pause();
      waiting.push({ chunk, send: (piece) => client.write(piece), done: () => upstream.resume() });
    });
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(`http://127.0.0.1:${server.address().port}`));
}

if (!isMainThread && workerData?.shape) shape(workerData.shape);
