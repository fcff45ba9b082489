// A static file server on loopback, for the demo and the benchmarks: `node scripts/serve.mjs DIR [PORT]` prints its URL.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import { join, normalize, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

/**
 * Serves `directory`; resolves to `{ url, close }`. Only GET and HEAD of files below the directory. `tls` is `{ key, cert, http2 }`:
 * https at `localhost`, with HTTP/2 or without.
 */
export function serve(directory, port = 0, tls = undefined) {
  const root = resolve(directory);
  const listener = (request, response) => {
    const path = normalize(
      join(root, decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname)),
    );
    let stat;
    try {
      if (path.startsWith(root + sep)) stat = statSync(path);
    } catch {}
    if (!stat?.isFile()) return void response.writeHead(404).end();
    const etag = `"${stat.mtimeMs.toString(36)}-${stat.size.toString(36)}"`;
    if (request.headers["if-none-match"] === etag) return void response.writeHead(304, { etag }).end();
    response.writeHead(200, { "content-length": stat.size, etag, "last-modified": stat.mtime.toUTCString() });
    if (request.method === "HEAD") return void response.end();
    createReadStream(path, { highWaterMark: 256 * 1024 }).pipe(response);
  };
  const server = !tls
    ? createServer(listener)
    : tls.http2
      ? createSecureServer({ ...tls, allowHTTP1: true, settings: { maxConcurrentStreams: 100 } }, listener)
      : createTlsServer(tls, listener);
  return new Promise((done) => {
    server.listen(port, "127.0.0.1", () => {
      const close = () =>
        new Promise((closed) => {
          server.closeAllConnections?.();
          server.close(closed);
        });
      const origin = tls ? "https://localhost" : "http://127.0.0.1";
      done({ url: `${origin}:${server.address().port}`, close });
    });
  });
}

/** `serve` in a thread of its own, for callers that block while they wait for child processes. */
export function serveInThread(directory, tls = undefined) {
  const code = `
    import { parentPort, workerData } from "node:worker_threads";
    const { serve } = await import(workerData.module);
    const { url } = await serve(workerData.directory, 0, workerData.tls);
    parentPort.postMessage(url);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { directory, tls, module: import.meta.url },
  });
  return new Promise((done, fail) => {
    worker.once("error", fail);
    worker.once("message", (url) => done({ url, close: () => worker.terminate() }));
  });
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  const { url } = await serve(process.argv[2] ?? ".", Number(process.argv[3] ?? 0));
  console.log(url);
}
