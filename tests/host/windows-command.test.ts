import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cmdLine, systemProgram, windowsCommand } from "../../src/host/windows-command.ts";

const dir = mkdtempSync(join(tmpdir(), "taipan-windows-"));
const [first, second] = [join(dir, "first"), join(dir, "second (x86)")];
for (const directory of [first, second]) mkdirSync(directory);
for (const path of [
  join(first, "tool.cmd"),
  join(second, "tool.exe"),
  join(second, "notes.txt"),
  join(second, "app.bat"),
])
  writeFileSync(path, "");
const env = { Path: `${first};${second}`, pathext: ".COM;.EXE;.BAT;.CMD;.TXT", ComSpec: "C:\\W\\cmd.exe" };
const command = (file: string, ...args: string[]) => windowsCommand(file, args, { env });

describe("programs on Windows", () => {
  it("are looked for with the endings that can be run, directory by directory", () => {
    expect(command("tool.exe", "a b")).toEqual({
      file: join(second, "tool.exe"),
      args: ["a b"],
      verbatim: false,
    });
    expect(command("tool").args.at(-1)).toBe(`"${`"${join(first, "tool.cmd")}"`}"`);
    expect(command("notes")).toMatchObject({ file: "notes", verbatim: false });
    expect(command("gone", "x")).toEqual({ file: "gone", args: ["x"], verbatim: false });
  });

  it("may be named by a path, counted from the working directory", () => {
    const found = windowsCommand("./app", [], { env, cwd: second });
    expect(found).toMatchObject({ file: "C:\\W\\cmd.exe", verbatim: true });
    expect(found.args.at(-1)).toContain(join(second, "app.bat"));
  });

  it("get arguments that cannot become commands where cmd.exe reads them", () => {
    const line = (text: string) =>
      command("app", text)
        .args.at(-1)!
        .slice(join(second, "app.bat").length + 4, -1);
    expect(line("a b")).toBe('"a b"');
    expect(line('" & calc & "')).toBe('""" & calc & """');
    expect(line('back\\"slash\\')).toBe('"back\\\\""slash\\\\"');
    expect(line("%PATH%")).toBe('"%%cd:~,%PATH%%cd:~,%"');
    expect(() => command("app", "two\nlines")).toThrow("line break");
    expect(cmdLine("CALL x", {})).toMatchObject({ file: "cmd.exe" });
  });

  it("that belong to the system are never taken from the working directory", () => {
    expect(systemProgram("reg.exe", { SystemRoot: "C:\\W" })).toBe("C:\\W\\System32\\reg.exe");
    expect(systemProgram("powershell.exe", { SYSTEMROOT: "C:\\W" })).toBe(
      "C:\\W\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
    );
    expect(systemProgram("toString", { SystemRoot: "C:\\W" })).toBe("toString");
  });
});
