// A static server of a channel directory: node serve.mjs DIRECTORY LATENCY_MS HIDDEN_PATTERN. Prints its port.
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const [directory, latency, pattern] = process.argv.slice(2);
const hidden = new RegExp(pattern);
const SMALL = 1 << 20;

function answer(request, response) {
  const path = join(directory, decodeURIComponent(request.url));
  const stat = hidden.test(request.url) ? undefined : statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) return response.writeHead(404).end();
  const headers = { etag: `"${stat.size}-${stat.mtimeMs}"`, "cache-control": "max-age=1200" };
  if (request.headers["if-none-match"] === headers.etag) return response.writeHead(304, headers).end();
  response.writeHead(200, { ...headers, "content-length": stat.size });
  if (request.method === "HEAD") return response.end();
  if (stat.size < SMALL) return response.end(readFileSync(path));
  return createReadStream(path, { highWaterMark: 1 << 18 }).pipe(response);
}

const server = createServer((request, response) => setTimeout(answer, Number(latency), request, response));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
