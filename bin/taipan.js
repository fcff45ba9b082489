#!/usr/bin/env node
// Checks the Node version before anything modern is parsed, and loads the bundle. CommonJS: it starts sooner than ESM.
"use strict";

const required = [20, 19];
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < required[0] || (major === required[0] && minor < required[1])) {
  process.stderr.write(
    `error: taipan needs Node.js >= ${required.join(".")}, this is ${process.versions.node}\nhint: install a newer Node.js, or put it first on PATH\n`,
  );
  process.exit(1);
}
const { join } = require("node:path");
const { nameOf, openBundle } = require("./bundle.js");

const bundle = openBundle(join(__dirname, "..", "dist", "cli"), "main.cjs", nameOf(process.argv));
bundle
  .load()
  .main(process.argv)
  .then(() => bundle.keepCompiled());
