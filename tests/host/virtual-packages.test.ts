import { release } from "node:os";
import { describe, expect, it } from "vitest";
import { archspecFromCpuinfo, x86Name } from "../../src/host/archspec.ts";
import { lowestCapability, parseNvidiaSmi } from "../../src/host/cuda.ts";
import { detectVirtualPackages } from "../../src/host/virtual-packages.ts";

const names = (input: Parameters<typeof detectVirtualPackages>[0]) =>
  detectVirtualPackages(input).map((record) => `${record.name}=${record.version}=${record.build}`);

describe("virtual packages (CEP 30)", () => {
  it("are fixed by overrides", () => {
    const env = {
      CONDA_OVERRIDE_GLIBC: "2.36",
      CONDA_OVERRIDE_LINUX: "6.1.0-13-amd64",
      CONDA_OVERRIDE_ARCHSPEC: "x86_64",
      CONDA_OVERRIDE_CUDA: "12.4",
      CONDA_OVERRIDE_CUDA_ARCH: "8.6",
    };
    expect(names({ env, platform: "linux-64", hostPlatform: "osx-arm64" })).toEqual([
      "__archspec=1=x86_64",
      "__cuda=12.4=0",
      "__cuda_arch=8.6=0",
      "__glibc=2.36=0",
      "__linux=6.1.0=0",
      "__unix=0=0",
    ]);
  });

  it("take defaults for another platform", () => {
    const of = (platform: string) => names({ env: {}, platform, hostPlatform: "linux-s390x" });
    expect(of("linux-aarch64")).toEqual([
      "__archspec=1=aarch64",
      "__glibc=2.17=0",
      "__linux=0=0",
      "__unix=0=0",
    ]);
    expect(of("osx-arm64")).toEqual(["__archspec=1=aarch64", "__osx=0=0", "__unix=0=0"]);
    expect(of("win-64")).toEqual(["__archspec=1=x86_64", "__win=0=0"]);
    expect(of("emscripten-wasm32")).toEqual(["__archspec=0=wasm32", "__unix=0=0"]);
  });

  it("ignore overrides of other systems and drop a package whose override is empty", () => {
    const env = {
      CONDA_OVERRIDE_OSX: "15.1",
      CONDA_OVERRIDE_GLIBC: "",
      CONDA_OVERRIDE_CUDA: "",
      CONDA_OVERRIDE_CUDA_ARCH: "9.0",
    };
    expect(names({ env, platform: "linux-64", hostPlatform: "win-64" })).toEqual([
      "__archspec=1=x86_64",
      "__linux=0=0",
      "__unix=0=0",
    ]);
  });

  it("refuse an override that is no version, naming it", () => {
    const env = { CONDA_OVERRIDE_GLIBC: "two; rm -rf" };
    expect(() => names({ env, platform: "linux-64", hostPlatform: "linux-64" })).toThrow(
      /CONDA_OVERRIDE_GLIBC/,
    );
  });

  it.runIf(process.platform === "linux" && process.arch === "x64")("read this machine", () => {
    const found = names({ env: {}, platform: "linux-64", hostPlatform: "linux-64" });
    expect(found).toContain(`__linux=${/^\d+\.\d+(\.\d+)?/.exec(release())?.[0]}=0`);
    expect(found.find((item) => item.startsWith("__archspec="))).toMatch(
      /^__archspec=1=(x86_64(_v[234])?|[a-z0-9_]+)$/,
    );
    const { glibcVersionRuntime } = (
      process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
    ).header;
    expect(found.some((item) => item === `__glibc=${glibcVersionRuntime}=0`)).toBe(
      glibcVersionRuntime !== undefined,
    );
  });
});

describe("archspec", () => {
  const flags = (text: string) => new Set(text.split(" "));
  const v2 = "mmx sse sse2 pni ssse3 cx16 lahf_lm sse4_1 sse4_2 popcnt";
  const v3 = `${v2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave`;
  const v4 = `${v3} avx512f avx512bw avx512cd avx512dq avx512vl`;
  const zen2 = `${v3} fsgsbase rdseed clzero aes pclmulqdq sse4a xsavec xsaveopt clflushopt clwb`;

  it("names the generic level of an unknown vendor", () => {
    expect(x86Name(flags("sse2"), "")).toBe("x86_64");
    expect(x86Name(flags(v2), "")).toBe("x86_64_v2");
    expect(x86Name(flags(v3), "Somebody")).toBe("x86_64_v3");
    expect(x86Name(flags(v4), "")).toBe("x86_64_v4");
  });

  it("names a vendor's microarchitecture", () => {
    expect(x86Name(flags(zen2), "AuthenticAMD")).toBe("zen2");
    expect(x86Name(flags(zen2), "GenuineIntel")).toBe("x86_64_v3");
    expect(x86Name(flags(`${v3} rdrand aes pclmulqdq`), "GenuineIntel")).toBe("haswell");
  });

  it("prefers the generic level to a microarchitecture below it", () => {
    expect(x86Name(flags(`${v4} clwb`), "AuthenticAMD")).toBe("x86_64_v4");
  });

  it("reads ARM and POWER processors", () => {
    expect(
      archspecFromCpuinfo("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "aarch64"),
    ).toBe("neoverse_n1");
    expect(archspecFromCpuinfo("processor\t: 0\n", "aarch64")).toBe("aarch64");
    expect(archspecFromCpuinfo("processor\t: 0\ncpu\t\t: POWER9, altivec supported\n", "ppc64le")).toBe(
      "power9le",
    );
  });
});

describe("cuda", () => {
  it("reads nvidia-smi", () => {
    expect(parseNvidiaSmi("<x><driver_version>550</driver_version>\n<cuda_version>12.4</cuda_version>")).toBe(
      "12.4",
    );
    expect(parseNvidiaSmi("<cuda_version>N/A</cuda_version>")).toBeUndefined();
    expect(lowestCapability("9.0\n10.0\n8.6\n")).toBe("8.6");
    expect(lowestCapability("[N/A]\n")).toBeUndefined();
  });
});
