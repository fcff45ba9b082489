/** What a copy of an environment has of what is not its packages', and what moves with it. */
import { execFileSync } from "node:child_process";
import fs, {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cloneEnvironment, renameEnvironment } from "../../src/prefix/clone.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import { defaultOptions, makePackage, type Sandbox, sandbox, snapshot } from "../support/extracted.ts";

const context = {
  pool: createPool({ size: 1, mode: "inline", handlers }),
  events: () => {},
  command: ["taipan", "create", "--clone"],
};
const menu = {
  menu_name: "m",
  menu_items: [{ name: "x", command: ["{{ PREFIX }}/x"], platforms: { linux: {} } }],
};
const tool = (box: Sandbox) =>
  makePackage(box.pkgs, {
    name: "tool",
    files: {
      "bin/tool": "t",
      "condabin/tool": "t",
      "share/tool/urls.txt": "u",
      "Menu/m.json": JSON.stringify(menu),
    },
  });
const write = (path: string, text: string): void => {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
};
const filesOf = (prefix: string): string[] =>
  Object.keys(snapshot(prefix, (path) => path === "conda-meta")).sort();

test("of a root prefix: its own packages and the user's files, no other environment, no cache, nothing that `init` made", async () => {
  const box = sandbox("base");
  await box.set([tool(box)]);
  const expected = filesOf(box.prefix);
  for (const path of ["envs/other/conda-meta/history", "envs/other/bin/x", "pkgs/urls.txt", "pkgs/a-1-0/a"])
    write(join(box.prefix, path), "");
  for (const path of ["bin/conda", "bin/activate", "condabin/conda", "envs/.x.taipan-lock"])
    write(join(box.prefix, path), "");
  const inside = join(box.prefix, "envs", "copy");
  await cloneEnvironment(box.prefix, inside, defaultOptions, context);
  expect(filesOf(inside)).toEqual(expected);
  // Directories of these names that are no such thing are the user's.
  write(join(box.prefix, "envs/notes.txt"), "");
  write(join(box.prefix, "src/pkgs/urls.txt"), "");
  const outside = join(box.root, "copy");
  await cloneEnvironment(box.prefix, outside, defaultOptions, context);
  const more = ["envs", "envs/notes.txt", "src", "src/pkgs", "src/pkgs/urls.txt"];
  expect(filesOf(outside)).toEqual([...expected, ...more].sort());
  expect(filesOf(inside)).toEqual(expected);
});

test("links lead to the copy, and directories keep their permissions", async () => {
  const box = sandbox();
  await box.set([tool(box)]);
  mkdirSync(join(box.prefix, "data/secret"), { recursive: true });
  for (const [name, to] of [
    ["inside", join(box.prefix, "bin/tool")],
    ["itself", box.prefix],
    ["beside", `${box.prefix}-2/x`],
    ["relative", "../bin/tool"],
  ])
    symlinkSync(to!, join(box.prefix, "data", name!));
  execFileSync("sh", ["-c", "touch data/secret/x && chmod 500 data/secret && chmod 2770 data"], {
    cwd: box.prefix,
  });
  const copy = join(box.root, "envs", "copy");
  await cloneEnvironment(box.prefix, copy, defaultOptions, context);
  const links = ["inside", "itself", "beside", "relative"].map((name) =>
    readlinkSync(join(copy, "data", name)),
  );
  expect(links).toEqual([join(copy, "bin/tool"), copy, `${box.prefix}-2/x`, "../bin/tool"]);
  const modes = ["data", "data/secret"].map((path) => (statSync(join(copy, path)).mode & 0o7777).toString(8));
  expect(modes).toEqual(["2770", "500"]);
  expect(existsSync(join(copy, "data/secret/x"))).toBe(true);
});

test("an environment that changes while it is copied is not copied", async () => {
  const box = sandbox();
  await box.set([tool(box)]);
  const real = fs.linkSync;
  let changed = false;
  fs.linkSync = (from, to) => {
    if (!changed && String(to).endsWith("bin/tool")) {
      changed = true;
      appendFileSync(join(box.prefix, "conda-meta/history"), "==> 2026-01-01 00:00:00 <==\n");
    }
    real(from, to);
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.linkSync = real;
    syncBuiltinESMExports();
  });
  const copy = join(box.root, "envs", "copy");
  const clone = () => cloneEnvironment(box.prefix, copy, defaultOptions, context);
  await expect(clone()).rejects.toMatchObject({
    code: "environment-changed",
    message: expect.stringContaining(box.prefix),
  });
  expect(readdirSync(join(box.root, "envs"))).toEqual(["env"]);
  await clone();
  expect(readdirSync(join(box.root, "envs"))).toEqual(["copy", "env"]);
});

test("a copy that is interrupted leaves nothing, and the signal need not wait for its end", async () => {
  const box = sandbox();
  await box.set([tool(box)]);
  // Slow as a copy to a disk far away: each file takes longer than a turn.
  const real = fs.linkSync;
  const abort = new AbortController();
  let linked = 0;
  fs.linkSync = (from, to) => {
    if (String(to).includes("copy") && linked++ === 0) setImmediate(() => abort.abort());
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
    real(from, to);
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.linkSync = real;
    syncBuiltinESMExports();
  });
  const copy = join(box.root, "envs", "copy");
  const interrupted = { ...context, signal: abort.signal };
  await expect(cloneEnvironment(box.prefix, copy, defaultOptions, interrupted)).rejects.toMatchObject({
    code: "interrupted",
  });
  expect(linked).toBeLessThan(4);
  expect(readdirSync(join(box.root, "envs"))).toEqual(["env"]);
});

test("a copy has a history of its own and may be changed, one that was moved the history that it had", async () => {
  const box = sandbox();
  await box.set([tool(box)]);
  writeFileSync(join(box.prefix, "conda-meta/frozen"), "");
  const history = (prefix: string) => readFileSync(join(prefix, "conda-meta/history"), "utf8");
  const before = history(box.prefix);
  const [copy, moved] = ["copy", "moved"].map((name) => join(box.root, "envs", name)) as [string, string];
  await cloneEnvironment(box.prefix, copy, defaultOptions, context);
  expect(history(copy)).toContain("# cmd: taipan create --clone\n");
  expect(existsSync(join(copy, "conda-meta/frozen"))).toBe(false);
  await renameEnvironment(box.prefix, moved, { ...defaultOptions, overrideFrozen: true }, context);
  expect(history(moved)).toBe(before);
  expect(existsSync(join(moved, "conda-meta/frozen"))).toBe(true);
});

test("nothing moves into itself", async () => {
  const box = sandbox();
  await box.set([tool(box)]);
  const before = snapshot(box.root);
  const inside = join(box.prefix, "sub", "env");
  await expect(renameEnvironment(box.prefix, inside, defaultOptions, context)).rejects.toMatchObject({
    code: "usage",
  });
  expect(snapshot(box.root)).toEqual(before);
});

test.runIf(process.platform === "linux")(
  "menu entries: a copy has its own, one that was moved those of its new place",
  async () => {
    const box = sandbox();
    const menuDirectory = join(box.root, "menus");
    const options = { ...defaultOptions, shortcuts: true, menuDirectory };
    await box.set([tool(box)], options);
    const entry = (): string => readFileSync(join(menuDirectory, "m_x.desktop"), "utf8");
    expect(entry()).toContain(`${box.prefix}/x`);
    const [copy, moved] = ["copy", "moved"].map((name) => join(box.root, "envs", name)) as [string, string];
    await cloneEnvironment(box.prefix, copy, options, context);
    expect(entry()).toContain(`${copy}/x`);
    await renameEnvironment(copy, moved, options, context);
    expect(entry()).toContain(`${moved}/x`);
    expect(readdirSync(menuDirectory)).toEqual(["m_x.desktop"]);
  },
);
