/**
 * Preloaded into the executable and its workers (`NODE_OPTIONS=--require`): makes calls of node:fs fail as some file system would.
 * TAIPAN_TEST_REFUSALS is JSON: `[{ "call": "linkSync", "code": "EXDEV", "path": "regular expression" }]`; without `path`, all calls.
 */
const fs = require("node:fs");
const { constants } = require("node:os");

function failure(call, code) {
  const number = -constants.errno[code];
  // libuv has no name for these.
  const shown = code === "EDQUOT" || code === "ESTALE" ? `Unknown system error ${number}` : code;
  return Object.assign(new Error(`${shown}: ${call}`), { code: shown, errno: number, syscall: call });
}

for (const { call, code, path } of JSON.parse(process.env.TAIPAN_TEST_REFUSALS ?? "[]")) {
  const pattern = path === undefined ? undefined : new RegExp(path);
  const applies = (args) =>
    pattern === undefined || args.some((value) => typeof value === "string" && pattern.test(value));
  for (const owner of call.endsWith("Sync") ? [fs] : [fs.promises]) {
    const real = owner[call];
    owner[call] = (...args) => {
      if (!applies(args)) return real.apply(owner, args);
      if (owner === fs) throw failure(call, code);
      return Promise.reject(failure(call, code));
    };
  }
}
