/** conda platforms ("subdirs", CEP 26): the ones that channels publish for, `noarch` apart. */
export const PLATFORMS = [
  "linux-64",
  "linux-aarch64",
  "linux-ppc64le",
  "linux-32",
  "linux-armv6l",
  "linux-armv7l",
  "linux-loongarch64",
  "linux-ppc",
  "linux-ppc64",
  "linux-riscv32",
  "linux-riscv64",
  "linux-s390x",
  "osx-64",
  "osx-arm64",
  "win-32",
  "win-64",
  "win-arm64",
  "freebsd-64",
  "freebsd-arm64",
  "emscripten-wasm32",
  "wasi-wasm32",
  "zos-z",
] as const;

export type Platform = (typeof PLATFORMS)[number];

const KNOWN: ReadonlySet<string> = new Set(PLATFORMS);
const KNOWN_SUBDIRS: ReadonlySet<string> = new Set([...PLATFORMS, "noarch"]);

/** Whether packages can be installed for this platform: a known subdir other than `noarch`. */
export function isPlatform(text: string): text is Platform {
  return KNOWN.has(text);
}

/** Whether the text is the name of a channel directory that this program knows: a platform or `noarch`. */
export function isKnownSubdir(text: string): boolean {
  return KNOWN_SUBDIRS.has(text);
}

const OS: Readonly<Record<string, string>> = {
  linux: "linux",
  darwin: "osx",
  win32: "win",
  freebsd: "freebsd",
};
const ARCH: Readonly<Record<string, string>> = {
  x64: "64",
  ia32: "32",
  arm64: "arm64",
  arm: "armv7l",
  ppc64: "ppc64le",
  s390x: "s390x",
  riscv64: "riscv64",
  loong64: "loongarch64",
};

/**
 * Platform of a machine from Node's `process.platform` and `process.arch`. A machine that conda has no name for gets
 * `{platform}-{arch}` as it stands: the channel then says that it has nothing for it.
 */
export function hostPlatform(nodePlatform: string, nodeArch: string): Platform {
  const os = OS[nodePlatform] ?? nodePlatform;
  const arch = os === "linux" && nodeArch === "arm64" ? "aarch64" : (ARCH[nodeArch] ?? nodeArch);
  return `${os}-${arch}` as Platform;
}

/** First part of the subdir: `linux`, `osx`, `win`, ... (`noarch` for `noarch`). */
export function platformOs(platform: string): string {
  return platform.split("-", 1)[0] ?? platform;
}

/** Last part of the subdir: `64`, `arm64`, `aarch64`, ...; empty for `noarch`. */
export function platformArch(platform: string): string {
  const dash = platform.indexOf("-");
  return dash < 0 ? "" : platform.slice(dash + 1);
}

export function isWindows(platform: string): boolean {
  return platformOs(platform) === "win";
}
