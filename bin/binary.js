// Where the single binary starts. The chunks are assets inside it; scripts/binary.mjs puts them there.
"use strict";

const { accessSync, constants } = require("node:fs");
const { delimiter, join, resolve } = require("node:path");
const { getRawAsset } = require("node:sea");
const { nameOf, openBundle } = require("./bundle.js");

/** The program as it was called, which may be by a link with another name. Node.js says its own path twice instead. */
function calledAs() {
  const name = process.argv0;
  if (/[\\/]/.test(name)) return resolve(name);
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    for (const ending of process.platform === "win32" ? [".exe", ""] : [""]) {
      const path = resolve(directory, name + ending);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {}
    }
  }
  return process.execPath;
}

const inside = {
  read: (id) => Buffer.from(getRawAsset(id)).latin1Slice(),
  /** Only Node.js itself can be loaded here; of other modules it would say so on stderr. */
  requireOther(id) {
    if (id.startsWith("@")) throw new Error(`\`${id}\` is not in the binary`);
    return require(id);
  },
};
const open = (entry, name) => openBundle(join(process.execPath, "bundle"), entry, name, inside);

// The same text is what a worker thread evaluates, with another name for what it opens.
if (globalThis.taipanTasks) open("tasks.cjs", "worker").load();
else {
  process.argv[1] = calledAs();
  const bundle = open("main.cjs", nameOf(process.argv));
  bundle
    .load()
    .main(process.argv)
    .then(() => bundle.keepCompiled());
}
