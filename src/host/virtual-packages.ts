import { spawnSync } from "node:child_process";
import { release } from "node:os";
import { ToolError } from "../errors.ts";
import { readTextSync, tryReadSync } from "../fs/sync-files.ts";
import type { PackageRecord } from "../specs/records.ts";
import { isValidVersion } from "../specs/version.ts";
import { archspecFromCpuinfo } from "./archspec.ts";
import { detectCuda } from "./cuda.ts";

export interface VirtualPackagesInput {
  /** For `CONDA_OVERRIDE_*`. */
  env: Readonly<Record<string, string | undefined>>;
  /** The platform to install for. */
  platform: string;
  /** The platform of this machine. */
  hostPlatform: string;
}

/** Assumed for a Linux that is not this machine (CEP 30). */
const DEFAULT_GLIBC = "2.17";

/**
 * The virtual packages of CEP 30 and 46 for a target platform, from this machine's properties where it is that
 * platform and from `CONDA_OVERRIDE_<NAME>`. Throws `config-invalid` for an override that is no version.
 */
export function detectVirtualPackages(input: VirtualPackagesInput): PackageRecord[] {
  const { env, platform, hostPlatform } = input;
  const native = platform === hostPlatform;
  const os = platform.split("-")[0] ?? "";
  const packages: PackageRecord[] = [];
  const add = (name: string, version: string | undefined, build = "0") => {
    if (version !== undefined) {
      packages.push({ name, version, build, build_number: 0, subdir: platform, depends: [] });
    }
  };
  const archspec = archspecOf(input);
  add("__archspec", archspec.version, archspec.build);
  const cuda = cudaOf(input);
  add("__cuda", cuda?.version);
  add("__cuda_arch", cuda?.arch);
  if (os === "linux") {
    add(
      "__glibc",
      override(env, "GLIBC", () => (native ? glibcVersion() : DEFAULT_GLIBC)),
    );
    add("__linux", linuxVersion(env, native));
  }
  if (os === "osx") add("__osx", override(env, "OSX", () => (native ? macosVersion() : "0")) ?? "0");
  if (["linux", "osx", "freebsd", "emscripten"].includes(os)) add("__unix", "0");
  if (os === "win") add("__win", override(env, "WIN", () => (native ? threeParts(release()) : "0")) ?? "0");
  return packages;
}

/** An override's text when it is set (undefined when it is empty: no such package), else what is detected. */
function override(
  env: VirtualPackagesInput["env"],
  name: string,
  detect: () => string | undefined,
): string | undefined {
  const text = env[`CONDA_OVERRIDE_${name}`];
  if (text === undefined) return detect();
  const version = text.trim();
  if (version === "") return undefined;
  if (isValidVersion(version)) return version;
  throw new ToolError(
    "config-invalid",
    `environment variable \`CONDA_OVERRIDE_${name}\` is no version: \`${text}\``,
  );
}

function linuxVersion(env: VirtualPackagesInput["env"], native: boolean): string {
  const text = env["CONDA_OVERRIDE_LINUX"] ?? (native ? release() : "0");
  // Distributions append their own parts, such as `-13-amd64`; only the kernel's version counts.
  return /^\d+\.\d+(\.\d+)?(\.\d+)?/.exec(text)?.[0] ?? "0";
}

function threeParts(text: string): string {
  return /^\d+(\.\d+){0,2}/.exec(text)?.[0] ?? "0";
}

/**
 * The C library's version, undefined on musl. The library that this process runs with names it in its text: reading
 * that took 6 ms, where Node's own diagnostic report took 33 ms and a start of `getconf` 20 ms.
 */
function glibcVersion(): string | undefined {
  const maps = readTextSync("/proc/self/maps") ?? "";
  const path = /\s(\/\S*\/libc(?:\.so\.6|-2\.\d+\.so))$/m.exec(maps)?.[1];
  const banner = /GNU C Library [^\n]*version (\d+\.\d+)/.exec((path && tryReadSync(path, "latin1")) ?? "");
  return banner?.[1] ?? getconf();
}

/** A taipan binary linked with musl may run on a glibc system. */
function getconf(): string | undefined {
  const result = spawnSync("getconf", ["GNU_LIBC_VERSION"], {
    encoding: "utf8",
    timeout: 2000,
    killSignal: "SIGKILL",
  });
  return /^glibc (\d+(\.\d+)?)/.exec(result.stdout ?? "")?.[1];
}

/** The kernel's major version is not macOS's: `sw_vers` is asked, with the compatibility answer 10.16 turned off. */
function macosVersion(): string | undefined {
  const result = spawnSync("/usr/bin/sw_vers", ["-productVersion"], {
    encoding: "utf8",
    timeout: 5000,
    killSignal: "SIGKILL",
    env: { SYSTEM_VERSION_COMPAT: "0" },
  });
  return /^\d+(\.\d+)?/.exec(result.stdout ?? "")?.[0];
}

/** CEP 30, appendix A; families that the archspec database knows. */
const FAMILY: Readonly<Record<string, string>> = {
  "32": "x86",
  "64": "x86_64",
  aarch64: "aarch64",
  arm64: "aarch64",
  ppc64: "ppc64",
  ppc64le: "ppc64le",
  riscv64: "riscv64",
};

function archspecOf({ env, platform, hostPlatform }: VirtualPackagesInput): {
  version: string;
  build: string;
} {
  const wanted = env["CONDA_OVERRIDE_ARCHSPEC"]?.trim();
  if (wanted) {
    if (/^[A-Za-z0-9_.+]+$/.test(wanted)) return { version: "1", build: wanted };
    throw new ToolError(
      "config-invalid",
      `environment variable \`CONDA_OVERRIDE_ARCHSPEC\` is no name: \`${wanted}\``,
    );
  }
  const machine = platform.split("-")[1] ?? "";
  // libmamba: an architecture that is a number nobody knows is a family of its own.
  const family = FAMILY[machine] ?? (/^\d+$/.test(machine) ? machine : undefined);
  if (!family) return { version: "0", build: machine || "0" };
  if (platform !== hostPlatform) return { version: "1", build: family };
  if (platform === "osx-arm64") return { version: "1", build: appleName() };
  const cpuinfo = platform.startsWith("linux") ? readTextSync("/proc/cpuinfo") : undefined;
  return { version: "1", build: cpuinfo ? archspecFromCpuinfo(cpuinfo, family) : family };
}

/** `Apple M2 Pro` is m2. */
function appleName(): string {
  const result = spawnSync("/usr/sbin/sysctl", ["-n", "machdep.cpu.brand_string"], {
    encoding: "utf8",
    timeout: 2000,
  });
  const generation = /Apple M(\d+)/.exec(result.stdout ?? "")?.[1];
  return generation ? `m${Math.min(Number(generation), 4)}` : "aarch64";
}

/** CEP 46: `__cuda_arch` exists only with `__cuda`; an empty override removes a package. */
function cudaOf({
  env,
  platform,
  hostPlatform,
}: VirtualPackagesInput): { version: string; arch?: string } | undefined {
  const wanted = env["CONDA_OVERRIDE_CUDA"];
  const sameSystem = platform.split("-")[0] === hostPlatform.split("-")[0];
  const detected = sameSystem && wanted === undefined ? detectCuda(hostPlatform) : undefined;
  const version = override(env, "CUDA", () => detected?.version);
  if (version === undefined) return undefined;
  const arch = override(env, "CUDA_ARCH", () => detected?.arch);
  return arch === undefined ? { version } : { version, arch };
}
