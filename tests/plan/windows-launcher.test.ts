import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { peImage } from "../../src/plan/pe-image.ts";
import { windowsLauncher } from "../../src/plan/windows-launcher.ts";
import { LOADER } from "../support/pe-loader.ts";

const image = windowsLauncher();
const view = new DataView(image.buffer, image.byteOffset, image.length);
const u16 = (at: number): number => view.getUint16(at, true);
const u32 = (at: number): number => view.getUint32(at, true);
const PE = u32(0x3c);
const OPTIONAL = PE + 24;

/** Headers as a loader reads them. */
function sections() {
  return Array.from({ length: u16(PE + 6) }, (_, i) => {
    const at = OPTIONAL + u16(PE + 20) + 40 * i;
    return {
      name: Buffer.from(image.subarray(at, at + 8))
        .toString()
        .replace(/\0+$/, ""),
      size: u32(at + 8),
      rva: u32(at + 12),
      raw: u32(at + 16),
      file: u32(at + 20),
      flags: u32(at + 36),
    };
  });
}

function fileOffset(rva: number): number {
  const section = sections().find((one) => rva >= one.rva && rva < one.rva + one.raw);
  if (!section) throw new Error(`nothing at ${rva}`);
  return rva - section.rva + section.file;
}

function textAt(rva: number): string {
  const at = fileOffset(rva);
  return Buffer.from(image.subarray(at, image.indexOf(0, at))).toString();
}

describe("the launcher of Windows entry points", () => {
  test("is a console program for 64-bit Windows that may be loaded anywhere", () => {
    expect(Buffer.from(image.subarray(0, 2)).toString()).toBe("MZ");
    expect(u32(PE)).toBe(0x4550);
    expect(u16(PE + 4)).toBe(0x8664);
    expect(u16(OPTIONAL)).toBe(0x20b);
    expect(u16(OPTIONAL + 68)).toBe(3);
    // Position independent, no execution of data; relocations are not stripped, there are none.
    expect(u16(OPTIONAL + 70) & 0x160).toBe(0x160);
    expect(u16(PE + 22) & 1).toBe(0);
  });

  test("has sections that lie in the file and in memory where the headers say", () => {
    const [sectionAlignment, fileAlignment] = [u32(OPTIONAL + 32), u32(OPTIONAL + 36)];
    let memory = sectionAlignment;
    let file = u32(OPTIONAL + 60);
    expect(sections().map(({ name }) => name)).toEqual([".text", ".rdata", ".data"]);
    for (const section of sections()) {
      expect(section.rva).toBe(memory);
      memory += Math.ceil(section.size / sectionAlignment) * sectionAlignment;
      expect(section.raw % fileAlignment).toBe(0);
      if (section.raw > 0) expect(section.file).toBe(file);
      file += section.raw;
    }
    expect(u32(OPTIONAL + 56)).toBe(memory);
    expect(image.length).toBe(file);
    const [text, rdata, data] = sections();
    expect(u32(OPTIONAL + 16)).toBe(text!.rva);
    // No page is both written and executed.
    expect([text, rdata, data].map((one) => one!.flags >>> 28)).toEqual([0x6, 0x4, 0xc]);
  });

  test("imports functions of kernel32 alone", () => {
    const descriptor = fileOffset(u32(OPTIONAL + 112 + 8));
    const [lookup, name, addresses] = [u32(descriptor), u32(descriptor + 12), u32(descriptor + 16)];
    expect(textAt(name)).toBe("KERNEL32.dll");
    expect(u32(descriptor + 20)).toBe(0);
    expect(addresses).toBe(u32(OPTIONAL + 112 + 8 * 12));
    const names: string[] = [];
    for (let at = fileOffset(lookup); u32(at) !== 0; at += 8) {
      names.push(textAt(u32(at) + 2));
      expect(u32(fileOffset(addresses) + 8 * (names.length - 1))).toBe(u32(at));
    }
    expect(names).toHaveLength(12);
    expect(names).toContain("CreateProcessW");
  });

  test("is the same every time, and small", () => {
    expect(Buffer.from(windowsLauncher()).equals(Buffer.from(image))).toBe(true);
    expect(image.length).toBeLessThan(4096);
  });

  test("a listing with an unknown symbol is refused", () => {
    const program = { dll: "x.dll", imports: ["F"], constants: {}, variables: {} };
    expect(() => peImage({ ...program, listing: "start: FF 15 @G" })).toThrowError(/@G/);
    expect(() => peImage({ ...program, listing: "start: FF 15 @F ; call [F]" })).not.toThrow();
  });
});

const canRun =
  process.platform === "linux" && process.arch === "x64" && spawnSync("cc", ["--version"]).status === 0;

/** The machine code is loaded and run on Linux: the twelve functions of Windows are played by a C program that says what it was told. */
describe.skipIf(!canRun)("the launcher's code (needs a C compiler on x86-64 Linux)", () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "taipan-launcher-")));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const loader = join(directory, "loader");
  const program = join(directory, "launcher.exe");
  writeFileSync(program, image);
  writeFileSync(`${loader}.c`, LOADER);
  if (canRun) execFileSync("cc", ["-O1", "-o", loader, `${loader}.c`]);

  const run = (path: string, commandLine: string, mode = "ok") => {
    const result = spawnSync(loader, [program, path, commandLine, mode], { encoding: "utf8" });
    const said = Object.fromEntries(
      result.stdout
        .trimEnd()
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    return { ...said, status: result.status, stderr: result.stderr } as Record<
      string,
      string | number | null
    >;
  };

  test("starts python of its environment with its script and the arguments as they were", () => {
    const path = "C:\\my envs\\a b\\Scripts\\say-it.exe";
    const started = run(path, `"${path}" one "two three" \\"x\\\\ " é`);
    expect(started).toMatchObject({
      application: "C:\\my envs\\a b\\python.exe",
      command: `"C:\\my envs\\a b\\python.exe" "C:\\my envs\\a b\\Scripts\\say-it-script.py" one "two three" \\"x\\\\ " é`,
      inherit: "1",
      flags: "0",
      environment: "0",
      directory: "0",
      startup: "104",
      status: 42,
    });
  });

  test("ends with Python's exit code, and ties Python to itself", () => {
    const started = run("C:\\e\\Scripts\\x.exe", "x");
    expect(started).toMatchObject({
      job: "9 144 3000",
      assigned: "77 4660",
      waited: "4660 ffffffff",
      control: "1",
      status: 42,
      stderr: "",
    });
  });

  test.each([
    ["x", ""],
    ["x a", " a"],
    ["x\ta", "\ta"],
    ['"x y"\ta', "\ta"],
    ['x" "y z', " z"],
    ["", ""],
    ['"x', ""],
  ])("of the command line %j, %j is passed on", (line, rest) => {
    expect(run("C:\\e\\Scripts\\x.exe", line)["command"]).toBe(
      `"C:\\e\\python.exe" "C:\\e\\Scripts\\x-script.py"${rest}`,
    );
  });

  test("paths and arguments as long as Windows knows them fit", () => {
    const path = `C:\\${"d".repeat(32_740)}\\Scripts\\x.exe`;
    const rest = ` ${"a".repeat(32_000)}`;
    const started = run(path, `x${rest}`);
    expect(started["application"]).toBe(`${path.slice(0, -13)}python.exe`);
    expect(started["command"]).toBe(
      `"${path.slice(0, -13)}python.exe" "${path.slice(0, -4)}-script.py"${rest}`,
    );
  });

  test("says so when Python cannot be started", () => {
    const said = { stderr: "this command cannot start python.exe of its environment\r\n", status: 1 };
    expect(run("C:\\e\\Scripts\\x.exe", "x", "no-python")).toMatchObject(said);
    for (const path of ["", "x.exe", "C:\\x.exe", `C:\\${"x".repeat(33_000)}`])
      expect(run(path, "x")).toMatchObject(said);
  });
});
