#!/usr/bin/env node
// Checks the Node version before anything modern is parsed, turns on the compile cache and loads the bundle.
import module from "node:module";

const required = [20, 19];
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < required[0] || (major === required[0] && minor < required[1])) {
  process.stderr.write(
    `error: taipan needs Node.js >= ${required.join(".")}, this is ${process.versions.node}\nhint: install a newer Node.js, or put it first on PATH\n`,
  );
  process.exit(1);
}
module.enableCompileCache?.();
const { main } = await import("../dist/cli.js");
await main(process.argv);
