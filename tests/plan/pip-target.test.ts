import { describe, expect, it } from "vitest";
import { pipTarget } from "../../src/plan/pip-target.ts";

const python = { version: "3.12.4", build: "h955ad1f_0_cpython" };
const target = (platform: string, build = python.build, ...virtual: [string, string][]) =>
  pipTarget(
    platform,
    { ...python, build },
    virtual.map(([name, version]) => ({ name, version })),
  );

describe("pipTarget", () => {
  it("names wheels of the C library that was solved for and of older ones, best first", () => {
    const linux = target("linux-64", python.build, ["__glibc", "2.17"])!;
    expect(linux.platforms.slice(0, 3)).toEqual([
      "manylinux_2_17_x86_64",
      "manylinux2014_x86_64",
      "manylinux_2_16_x86_64",
    ]);
    expect(linux.platforms.slice(-3)).toEqual(["manylinux_2_5_x86_64", "manylinux1_x86_64", "linux_x86_64"]);
    expect(linux).toMatchObject({ pythonVersion: "3.12.4", abi: "cp312" });
    expect(linux.markers).toMatchObject({
      sys_platform: "linux",
      platform_machine: "x86_64",
      python_version: "3.12",
    });
    expect(target("linux-aarch64")!.platforms[0]).toBe("musllinux_1_2_aarch64");
  });

  it("knows macOS by its version and Windows by its processor", () => {
    expect(target("osx-arm64", python.build, ["__osx", "14.5"])!.platforms).toEqual(["macosx_14_0_arm64"]);
    expect(target("osx-64", python.build, ["__osx", "10.15"])!.platforms).toEqual(["macosx_10_15_x86_64"]);
    expect(target("osx-64", python.build, ["__osx", "0"])!.platforms).toEqual(["macosx_11_0_x86_64"]);
    const windows = target("win-64")!;
    expect([windows.platforms, windows.markers["os_name"], windows.markers["platform_machine"]]).toEqual([
      ["win_amd64"],
      "nt",
      "AMD64",
    ]);
  });

  it("tells builds of python apart", () => {
    expect(target("linux-64", "h1_102_cp313t")!.abi).toBe("cp312t");
    expect(pipTarget("linux-64", { version: "3.7.12", build: "x_cpython" }, [])!.abi).toBe("cp37m");
    expect(target("linux-64", "0_73_pypy")).toBeUndefined();
    expect(target("emscripten-wasm32")).toBeUndefined();
    expect(target("noarch")).toBeUndefined();
  });
});
