// `node bench/specs.mjs [--library FILE] [--versions FILE] [--specs FILE]`: how fast versions and match specs are parsed, compared
// and matched, one string a line in the files. Without files it makes strings of the shapes that channels use.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { machine, median, root, table } from "./lib.mjs";

const { values: options } = parseArgs({
  options: {
    library: { type: "string", default: join(root, "dist", "index.js") },
    versions: { type: "string" },
    specs: { type: "string" },
  },
});
const library = await import(pathToFileURL(resolve(options.library)).href);
const lines = (path) => readFileSync(path, "utf8").split("\n").filter(Boolean);

const versionTexts = options.versions
  ? lines(options.versions)
  : range(6000).map((i) => `${i % 9}.${i % 37}.${i % 11}${i % 5 ? "" : `rc${i % 3}`}`);
const specTexts = options.specs
  ? lines(options.specs)
  : range(30_000).map(
      (i) =>
        [
          `lib${i}`,
          `lib${i} >=${i % 9}.${i % 37},<${(i % 9) + 1}.0a0`,
          `lib${i} 1.${i % 37}.* *_cp31${i % 5}`,
          `lib${i} ${i % 9}.1 h${i}_0`,
        ][i % 4],
    );

const versions = versionTexts.map((text) => library.parseVersion(text));
const specs = specTexts.map((text) => library.tryParseMatchSpec(text)).filter(Boolean);
const records = specs.map((spec, i) => ({
  name: spec.name ?? "x",
  version: versionTexts[i % versionTexts.length],
  build: "h0_0",
  build_number: 0,
  subdir: "noarch",
}));

// A suffix that the caches have not seen makes every parse a real one.
let fresh = 0;
const rows = [
  rate("compare versions", versions.length * 100, () => {
    let sum = 0;
    for (let k = 0; k < 100; k++)
      for (let i = 0; i < versions.length; i++)
        sum += library.compareVersions(versions[i], versions[(i * 7 + k) % versions.length]);
    return sum;
  }),
  rate("sort versions (per element)", versions.length, () => [...versions].sort(library.compareVersions)),
  rate("parse versions, new text", versionTexts.length, () => {
    fresh++;
    for (const text of versionTexts)
      library.parseVersion(text.includes("+") ? `${text}.${fresh}` : `${text}+${fresh}`);
  }),
  rate("parse versions, interned", versionTexts.length, () => {
    for (const text of versionTexts) library.parseVersion(text);
  }),
  rate("parse match specs, full", specTexts.length, () => {
    for (const text of specTexts) library.parseMatchSpec(text);
  }),
  rate("parse match specs, cached", specTexts.length, () => {
    for (const text of specTexts) library.tryParseMatchSpec(text);
  }),
  rate("match a record of the name", specs.length, () => {
    let count = 0;
    for (let i = 0; i < specs.length; i++) if (library.matchSpecMatches(specs[i], records[i])) count++;
    return count;
  }),
];
console.log(
  `${machine()}, Node ${process.versions.node}; ${versionTexts.length} versions, ${specTexts.length} specs\n`,
);
console.log(table(["operation", "million/s"], rows));

function rate(what, count, work) {
  for (let i = 0; i < 3; i++) work();
  const seconds = range(9).map(() => {
    const started = performance.now();
    work();
    return (performance.now() - started) / 1000;
  });
  return [what, (count / median(seconds) / 1e6).toFixed(1)];
}

function range(length) {
  return Array.from({ length }, (_, i) => i);
}
