/** Version of taipan; package.json holds the same (a test compares them). */
export const VERSION = "0.1.0";

/**
 * What `--version` says under the names of other tools: the version whose command line is followed there. Scripts and tools
 * compare it before they pass newer options (Snakemake wants conda 24.7.1, conda-lock micromamba 0.17).
 */
export const PEER_VERSIONS = { conda: "26.5.2", mamba: "2.8.1", micromamba: "2.8.1" } as const;

/** The answer to `NAME --version`, in that tool's words. */
export function versionText(name: string): string {
  if (name === "conda") return `conda ${PEER_VERSIONS.conda}`;
  return name === "mamba" || name === "micromamba" ? PEER_VERSIONS[name] : VERSION;
}
