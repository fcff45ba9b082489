import type { PackageRecord } from "../specs/records.ts";
import { isFreeThreaded, pythonMinor } from "./python.ts";

/** For which python on which machine pip has to resolve. */
export interface PipTarget {
  /** Full version, `3.12.4`. */
  pythonVersion: string;
  abi: string;
  /** Platform tags of wheels (PEP 425, 600, 656), best first. */
  platforms: string[];
  /** Values of environment markers (PEP 508). */
  markers: Record<string, string>;
}

/** `packaging` names of conda's architectures: of Linux wheels and of `platform_machine` there. */
const LINUX: Readonly<Record<string, string>> = {
  "64": "x86_64",
  "32": "i686",
  aarch64: "aarch64",
  armv7l: "armv7l",
  ppc64le: "ppc64le",
  riscv64: "riscv64",
  s390x: "s390x",
};
/** Tag and `platform_machine`. */
const WINDOWS: Readonly<Record<string, readonly [string, string]>> = {
  "64": ["win_amd64", "AMD64"],
  "32": ["win32", "x86"],
  arm64: ["win_arm64", "ARM64"],
};
const MACOS: Readonly<Record<string, string>> = { "64": "x86_64", arm64: "arm64" };
/** Assumed for a macOS that is not this machine: the oldest that runs on Apple's own processors. */
const DEFAULT_MACOS = "11.0";

/**
 * What pip is told about a solved environment, from its python and the virtual packages that were solved for. Undefined
 * where no wheels are built for the platform, or where the python is not CPython.
 */
export function pipTarget(
  platform: string,
  python: Pick<PackageRecord, "version" | "build">,
  virtual: readonly Pick<PackageRecord, "name" | "version">[],
): PipTarget | undefined {
  const machine = machineOf(platform, (name) => virtual.find((each) => each.name === name)?.version);
  if (!machine || /pypy|graalpy/.test(python.build)) return undefined;
  const minor = pythonMinor(python.version);
  const threaded = isFreeThreaded(python.build) ? "t" : "";
  const old = /^(2\.|3\.[0-7]$)/.test(minor) ? "m" : "";
  return {
    pythonVersion: python.version,
    abi: `cp${minor.replace(".", "")}${threaded || old}`,
    platforms: machine.platforms,
    markers: {
      implementation_name: "cpython",
      implementation_version: python.version,
      os_name: machine.system === "Windows" ? "nt" : "posix",
      platform_machine: machine.name,
      platform_python_implementation: "CPython",
      // Facts of one machine, which a lock file is not made for.
      platform_release: "",
      platform_version: "",
      platform_system: machine.system,
      python_full_version: python.version,
      python_version: minor,
      sys_platform: { Windows: "win32", Darwin: "darwin", Linux: "linux" }[machine.system],
    },
  };
}

interface Machine {
  name: string;
  system: "Linux" | "Darwin" | "Windows";
  platforms: string[];
}

function machineOf(platform: string, version: (name: string) => string | undefined): Machine | undefined {
  const [os = "", architecture = ""] = platform.split("-");
  if (os === "linux" && Object.hasOwn(LINUX, architecture)) {
    const name = LINUX[architecture]!;
    return { name, system: "Linux", platforms: linuxTags(name, version("__glibc")) };
  }
  if (os === "osx" && Object.hasOwn(MACOS, architecture)) {
    const name = MACOS[architecture]!;
    const [major, minor = "0"] = macosVersion(version("__osx")).split(".");
    // pip adds the older versions and universal wheels by itself. Since macOS 11, tags have no minor version.
    return {
      name,
      system: "Darwin",
      platforms: [`macosx_${major}_${Number(major) > 10 ? 0 : minor}_${name}`],
    };
  }
  if (os === "win" && Object.hasOwn(WINDOWS, architecture)) {
    const [tag, name] = WINDOWS[architecture]!;
    return { name, system: "Windows", platforms: [tag] };
  }
  return undefined;
}

function macosVersion(version: string | undefined): string {
  return version === undefined || version === "0" ? DEFAULT_MACOS : version;
}

/** Of the C library that was solved for and of all older ones; without glibc it is musl. */
function linuxTags(machine: string, glibc: string | undefined): string[] {
  if (glibc === undefined)
    return [`musllinux_1_2_${machine}`, `musllinux_1_1_${machine}`, `linux_${machine}`];
  const legacy: Readonly<Record<number, string>> = {
    17: "manylinux2014",
    12: "manylinux2010",
    5: "manylinux1",
  };
  const tags: string[] = [];
  for (let minor = Number(glibc.split(".")[1] ?? 0); minor >= 5; minor--) {
    tags.push(`manylinux_2_${minor}_${machine}`);
    if (legacy[minor]) tags.push(`${legacy[minor]}_${machine}`);
  }
  return [...tags, `linux_${machine}`];
}
