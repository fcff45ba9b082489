// Solves requests with @conda-org/rattler (WASM): peer_solve_wasm.mjs PACKAGE_DIR CHANNEL_URL < requests.json > answers.json
// stdin: {"subdirs": [...], "requests": [["python", "numpy"], ...], "repeat": 3}; stdout: [{"ms": 12.3} | {"ms": 1.2, "error": "..."}]
// The package fetches and reads the channel in each call and knows no virtual packages: `floor` is the least that a call takes, asked
// for one package without dependencies. The first calls warm up and do not count.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [directory, channel] = process.argv.slice(2);
const { simpleSolve } = createRequire(join(directory, "package.json"))("@conda-org/rattler");
const job = JSON.parse(readFileSync(0, "utf8"));

async function timed(specs) {
  let answer = {};
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < job.repeat; i++) {
    const start = performance.now();
    try {
      answer = { count: (await simpleSolve(specs, [channel], job.subdirs, [])).length };
    } catch (error) {
      answer = { error: String(error).slice(0, 200) };
    }
    best = Math.min(best, performance.now() - start);
  }
  return { ms: best, ...answer };
}

await timed(job.trivial);
const floor = (await timed(job.trivial)).ms;
const answers = [];
for (const specs of job.requests) answers.push(await timed(specs));
console.log(JSON.stringify({ floor, answers }));
