import { spawnSync } from "node:child_process";
import { isDirectorySync, readTextSync } from "../fs/sync-files.ts";

export interface Cuda {
  /** Newest CUDA version that the driver supports, `{major}.{minor}`. */
  version: string;
  /** Lowest compute capability of all devices, `{major}.{minor}`. */
  arch?: string;
}

let detected: { value: Cuda | undefined } | undefined;

/**
 * The CUDA driver of this machine. Asks `nvidia-smi` only where a driver is loaded, so that a machine without one
 * starts no process, and kills it after three seconds: it can hang when a device is broken.
 */
export function detectCuda(hostPlatform: string): Cuda | undefined {
  detected ??= { value: hasDriver(hostPlatform) ? askDriver(hostPlatform) : undefined };
  return detected.value;
}

function hasDriver(hostPlatform: string): boolean {
  if (hostPlatform.startsWith("win")) return true;
  if (!hostPlatform.startsWith("linux")) return false;
  return readTextSync("/proc/driver/nvidia/version") !== undefined || isDirectorySync("/usr/lib/wsl/lib");
}

function askDriver(hostPlatform: string): Cuda | undefined {
  const files = hostPlatform.startsWith("win")
    ? ["nvidia-smi.exe"]
    : ["nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi"];
  for (const file of files) {
    const xml = run(file, ["-q", "-x"]);
    const cuda = xml && parseNvidiaSmi(xml);
    if (!cuda) continue;
    const capabilities = run(file, ["--query-gpu=compute_cap", "--format=csv,noheader"]);
    const arch = lowestCapability(capabilities ?? "");
    return arch === undefined ? { version: cuda } : { version: cuda, arch };
  }
  return undefined;
}

function run(file: string, args: readonly string[]): string | undefined {
  const result = spawnSync(file, args, {
    encoding: "utf8",
    timeout: 3000,
    killSignal: "SIGKILL",
    windowsHide: true,
  });
  return result.status === 0 ? result.stdout : undefined;
}

/** The CUDA version in the XML answer of `nvidia-smi -q -x`. */
export function parseNvidiaSmi(xml: string): string | undefined {
  return /<cuda_version>\s*(\d+\.\d+)/.exec(xml)?.[1];
}

/** The lowest of the compute capabilities, one a line. */
export function lowestCapability(text: string): string | undefined {
  const all = [...text.matchAll(/^\s*(\d+)\.(\d+)\s*$/gm)].map(
    ([, major, minor]) => [Number(major), Number(minor)] as const,
  );
  all.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return all[0]?.join(".");
}
