/** What is bundled, by licence (SPDX). A test compares it with the installed packages. */
const BUNDLED: Readonly<Record<string, string>> = {
  "Apache-2.0":
    "b4a bare-buffer bare-events bare-fs bare-path bare-stream bare-url events-universal text-decoder",
  "CC-BY-3.0": "spdx-exceptions",
  "CC0-1.0": "spdx-license-ids",
  ISC: "@msgpack/msgpack libbzip2-wasm picocolors semver yaml",
  MIT: "@toondepauw/node-zstd commander fast-fifo get-east-asian-width p-limit spdx-expression-parse streamx tar-stream teex undici yocto-queue zstd-codec",
  "MIT AND BSD-3-Clause": "zstddec",
};

/** Licence by package, taipan first. */
export function licenses(): Record<string, string> {
  const bundled = Object.entries(BUNDLED).flatMap(([license, names]) =>
    names.split(" ").map((name): [string, string] => [name, license]),
  );
  return { taipan: "BSD-3-Clause", ...Object.fromEntries(bundled.sort(([a], [b]) => (a < b ? -1 : 1))) };
}
