import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createPythonCompiler } from "../../src/host/python-compile.ts";
import { systemPython } from "../support/extracted.ts";

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "taipan-compile-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const jobsIn = (directory: string, names: readonly string[]) =>
  names.map((name) => ({ source: join(directory, name), target: join(directory, `${name}c`), name }));

/** In the place of Python: answers a batch as the script does, and dies of a file whose name begins with `crash`. */
function fragileInterpreter(directory: string): string {
  const path = join(directory, "python");
  const code = `#!${process.execPath}
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const fields = line.split("\\0");
  const names = fields.filter((_, i) => i % 3 === 2);
  if (names.some((name) => name.startsWith("crash"))) process.exit(139);
  process.stdout.write(names.map((name) => (name.startsWith("bad") ? "0" : "1")).join("") + "\\n");
});
`;
  writeFileSync(path, code, { mode: 0o755 });
  return path;
}

const env = { PATH: process.env["PATH"] };

test.skipIf(process.platform === "win32")(
  "an interpreter that dies of a file costs that file alone",
  async () => {
    const directory = scratch();
    const compiler = createPythonCompiler({ executable: fragileInterpreter(directory), processes: 2, env });
    const names = Array.from({ length: 30 }, (_, i) =>
      i === 17 ? "crash.py" : i === 20 ? "bad.py" : `m${i}.py`,
    );
    const done = await compiler.compile(jobsIn(directory, names));
    expect(done).toEqual(names.map((name) => name.startsWith("m")));
    expect(await compiler.compile([])).toEqual([]);
    await compiler.close();
    expect(await compiler.compile(jobsIn(directory, ["late.py"]))).toEqual([false]);
  },
);

test.skipIf(process.platform === "win32")("interpreters that die of every file are given up", async () => {
  const directory = scratch();
  const compiler = createPythonCompiler({ executable: fragileInterpreter(directory), processes: 2, env });
  const names = Array.from({ length: 40 }, (_, i) => `crash${i}.py`);
  expect(await compiler.compile(jobsIn(directory, names))).toEqual(names.map(() => false));
  expect(await compiler.compile(jobsIn(directory, ["a.py"]))).toEqual([false]);
  await compiler.close();
});

test.skipIf(process.platform === "win32")("one that is idle takes what others died of", async () => {
  const directory = scratch();
  const compiler = createPythonCompiler({ executable: fragileInterpreter(directory), processes: 2, env });
  const good = Array.from({ length: 24 }, (_, i) => `m${i}.py`);
  expect(await compiler.compile(jobsIn(directory, good))).toEqual(good.map(() => true));
  const fatal = Array.from({ length: 12 }, (_, i) => `crash${i}.py`);
  expect(await compiler.compile(jobsIn(directory, fatal))).toEqual(fatal.map(() => false));
  await compiler.close();
});

test("a program that is not there compiles nothing", async () => {
  const directory = scratch();
  const compiler = createPythonCompiler({ executable: join(directory, "none"), processes: 2, env });
  expect(await compiler.compile(jobsIn(directory, ["a.py", "b.py"]))).toEqual([false, false]);
  await compiler.close();
});

test("Python writes byte code of what it understands", async ({ skip }) => {
  const python = systemPython();
  if (!python) return skip("no python3 here");
  const directory = scratch();
  const compiler = createPythonCompiler({ executable: python.executable, processes: 1, env });
  writeFileSync(join(directory, "good.py"), "x = 1\n");
  writeFileSync(join(directory, "bad.py"), "x = = 1\n");
  expect(await compiler.compile(jobsIn(directory, ["good.py", "bad.py", "none.py"]))).toEqual([
    true,
    false,
    false,
  ]);
  expect(["good.pyc", "bad.pyc", "none.pyc"].map((name) => existsSync(join(directory, name)))).toEqual([
    true,
    false,
    false,
  ]);
  await compiler.close();
});
