import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { writeWorld } from "../support/cli-world.ts";

/** Compiled code that V8 gave us is kept for the next run. It is run as it is found, so where it comes from matters. */
describe.skipIf(process.platform === "win32")("compiled code", () => {
  let sandbox: Sandbox;
  let compiled: string;

  beforeEach(() => {
    sandbox = createSandbox();
    compiled = join(
      sandbox.home,
      process.platform === "darwin" ? "Library/Caches" : ".cache",
      "taipan",
      "compiled",
    );
  });
  afterEach(() => sandbox.close());

  const folder = (): string => join(compiled, readdirSync(compiled)[0]!);
  const taipan = (...args: string[]) =>
    sandbox.taipanWith({ env: { NODE_DISABLE_COMPILE_CACHE: "", TMPDIR: sandbox.dir } }, ...args);
  const list = () => taipan("env", "list");

  it("is kept for this user alone, and used by the next run", async () => {
    const first = await list();
    const file = join(folder(), "env");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
    const { ino } = statSync(file);
    const second = await list();
    expect(second).toMatchObject({ code: 0, stdout: first.stdout, stderr: "" });
    // It would have been written again, had V8 refused it.
    expect(statSync(file).ino).toBe(ino);
    expect(readdirSync(folder())).toEqual(["env"]);
    expect(readdirSync(sandbox.dir).filter((name) => name.includes("cache"))).toEqual([]);
  });

  it.each([
    ["cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length - 100)],
    ["another header", (bytes: Buffer) => Buffer.concat([Buffer.from([255, 255, 255, 127]), bytes])],
    ["empty", () => Buffer.alloc(0)],
    ["of another V8", (bytes: Buffer) => Buffer.from(bytes).fill(7, 4 + bytes.readUInt32LE(0))],
  ])("%s is replaced", async (_, damage) => {
    const { stdout } = await list();
    const file = join(folder(), "env");
    const good = readFileSync(file);
    writeFileSync(file, damage(good));
    expect(await list()).toMatchObject({ code: 0, stdout, stderr: "" });
    expect(readFileSync(file).length).toBeGreaterThan(good.length / 2);
    expect(await list()).toMatchObject({ code: 0, stdout, stderr: "" });
  });

  it("of other versions goes, but not of the latest few", async () => {
    const hours = { now: 0, soon: 0.5, later: 2, today: 3, yesterday: 25, old: 24 * 31 };
    for (const [name, age] of Object.entries(hours)) {
      mkdirSync(join(compiled, name), { recursive: true });
      const time = Date.now() / 1000 - age * 3600;
      utimesSync(join(compiled, name), time, time);
    }
    await list();
    const left = readdirSync(compiled).filter((name) => name in hours);
    expect(left.sort()).toEqual(["later", "now", "soon"]);
    expect(readdirSync(compiled)).toHaveLength(4);
  });

  it("is not read from a file that others may write", async () => {
    await list();
    const file = join(folder(), "env");
    chmodSync(file, 0o666);
    expect((await list()).code).toBe(0);
    // Had it been read, it would have been good enough to stay.
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("is neither read nor written in a directory that others may write", async () => {
    await list();
    const file = join(folder(), "env");
    const planted = Buffer.from(readFileSync(file)).fill(7, 400);
    writeFileSync(file, planted);
    chmodSync(folder(), 0o777);
    expect((await list()).code).toBe(0);
    expect(readFileSync(file).equals(planted)).toBe(true);
  });

  it.skipIf(process.geteuid?.() !== 0)("root leaves nothing in the home of a user", async () => {
    chownSync(sandbox.home, 65534, 65534);
    expect((await list()).code).toBe(0);
    expect(readdirSync(sandbox.home)).toEqual([]);
  });

  it("serves whole commands", async () => {
    const { url } = await writeWorld(join(sandbox.dir, "channel"));
    const install = (...words: string[]) =>
      taipan(
        "install",
        "-n",
        "x",
        "--override-channels",
        "-c",
        url,
        "-y",
        "-q",
        "--platform",
        "linux-64",
        ...words,
      );
    expect(await taipan("create", "-n", "x")).toMatchObject({ code: 0 });
    expect(await install("nothing-like-it")).toMatchObject({ code: 1 });
    expect(await install("tool")).toMatchObject({ code: 0, stderr: "" });
    expect(await install("tool", "libx")).toMatchObject({ code: 0, stderr: "" });
    expect(
      (await taipan("list", "-n", "x", "--json")).json<{ name: string }[]>().map(({ name }) => name),
    ).toEqual(["app", "libx", "tool"]);
  });

  it("is not kept when Node.js is told so, nor where the cache cannot be", async () => {
    await sandbox.taipanWith({ env: { NODE_DISABLE_COMPILE_CACHE: "1" } }, "env", "list");
    expect(existsSync(compiled)).toBe(false);
    mkdirSync(join(compiled, ".."), { recursive: true });
    writeFileSync(compiled, "a file");
    expect(await list()).toMatchObject({ code: 0, stderr: "" });
  });
});
