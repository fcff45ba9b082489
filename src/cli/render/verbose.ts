import type { Config } from "../../config/config.ts";
import { listConfig, shortPath } from "../../config/show.ts";
import { VERSION } from "../../util/version.ts";

/** What -vv tells before a command runs: the program and its configuration files; with -vvv (`verbosity` 3) each value and who set it. */
export function configurationLines(config: Config, verbosity: number, platform: string): string[] {
  const files = config.sources.map((path) => shortPath(path, config.home));
  const lines = [
    `debug: taipan ${VERSION}, Node.js ${process.versions.node}, ${platform}`,
    `debug: configuration files: ${files.join(", ") || "none"}`,
  ];
  if (verbosity < 3) return lines;
  const values = listConfig(config, { sources: true }).split("\n").filter(Boolean);
  return [...lines, ...values.map((line) => `trace: ${line}`)];
}
