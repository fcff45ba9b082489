import { ToolError } from "../../errors.ts";
import { type LockedPypiPackage, MAIN_CATEGORY } from "./types.ts";

export interface PipReport {
  packages: LockedPypiPackage[];
  /** What has no address that another machine could fetch: directories. */
  directories: string[];
}

/**
 * Reads the installation report of pip (version 1 of its format). Throws `parse-error` where it is none, and `pip-failed`
 * for an archive without a hash, since a lock that cannot be checked is none.
 */
export function parsePipReport(text: string): PipReport {
  const items = mapOf(parseJson(text))["install"];
  if (!Array.isArray(items)) throw new ToolError("parse-error", "pip wrote no installation report");
  const report: PipReport = { packages: [], directories: [] };
  for (const item of items) readItem(mapOf(item), report);
  return report;
}

function readItem(item: Record<string, unknown>, report: PipReport): void {
  const metadata = mapOf(item["metadata"]);
  const download = mapOf(item["download_info"]);
  const [name, version, url] = [metadata["name"], metadata["version"], download["url"]];
  if (typeof name !== "string" || typeof version !== "string" || typeof url !== "string")
    throw new ToolError(
      "parse-error",
      "pip's installation report has a package without name, version or URL",
    );
  if (download["dir_info"] !== undefined) {
    report.directories.push(name);
    return;
  }
  const { requires_python: requiresPython } = metadata;
  report.packages.push({
    name: pypiName(name),
    version,
    ...addressOf(name, url, download),
    requiresDist: textsOf(metadata["requires_dist"]),
    ...(typeof requiresPython === "string" ? { requiresPython } : {}),
    category: MAIN_CATEGORY,
  });
}

/** An archive by its hash, a checkout by its commit. */
function addressOf(
  name: string,
  url: string,
  download: Record<string, unknown>,
): Pick<LockedPypiPackage, "location" | "sha256"> {
  const vcs = mapOf(download["vcs_info"]);
  const [kind, commit] = [vcs["vcs"], vcs["commit_id"]];
  if (typeof kind === "string" && typeof commit === "string") return { location: `${kind}+${url}@${commit}` };
  const archive = mapOf(download["archive_info"]);
  const sha256 =
    mapOf(archive["hashes"])["sha256"] ?? /^sha256=([0-9a-f]{64})$/.exec(String(archive["hash"]))?.[1];
  if (typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)) return { location: url, sha256 };
  throw new ToolError("pip-failed", `pip knows no sha256 of \`${name}\`, so it cannot be locked`, {
    hint: "use an index that publishes hashes",
  });
}

/** As PyPI compares names (PEP 503). */
export function pypiName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ToolError("parse-error", "pip wrote no installation report", { cause: error });
  }
}

function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
