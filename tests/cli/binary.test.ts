import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { repoRoot } from "../support/shared.ts";

const ROOM = 400e6;

function whyNot(): string | undefined {
  const { bavail, bsize } = statfsSync(tmpdir());
  if (bavail * bsize < ROOM) return "there is no room for a copy of Node.js";
  const fuse = readFileSync(process.execPath).includes("NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2");
  return fuse ? undefined : "this Node.js was built without single executable applications";
}

const reason = whyNot();
if (reason) process.stderr.write(`skipped: the single binary: ${reason}\n`);

describe.skipIf(reason)("the single binary", () => {
  const dir = mkdtempSync(join(tmpdir(), "taipan-binary-"));
  const home = join(dir, "home");
  const binary = join(dir, process.platform === "win32" ? "taipan.exe" : "taipan");
  let server: ChannelServer;

  beforeAll(async () => {
    execFileSync(process.execPath, [join(repoRoot, "scripts", "binary.mjs"), "--out", dir], {
      stdio: "pipe",
    });
    mkdirSync(home);
    const files = [{ path: "share/tool/version", content: "1.0" }];
    await writeChannel(join(dir, "channel"), [
      await buildPackage({ name: "tool", version: "1.0", noarch: "generic", depends: ["lib"], files }),
      await buildPackage({ name: "lib", version: "2.0", noarch: "generic", files: [], format: "tar.bz2" }),
    ]);
    server = await startServer({ root: join(dir, "channel") });
  });
  afterAll(async () => {
    await server?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Asynchronous: the server is in this process. No Node.js is on PATH. */
  function run(program: string, ...args: string[]) {
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const env = { HOME: home, MAMBA_ROOT_PREFIX: join(dir, "root"), PATH: "/nowhere", NO_COLOR: "1" };
      execFile(program, args, { env, cwd: dir }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });
  }

  it("creates, lists and removes, with its worker threads, and packs", async () => {
    const made = await run(
      binary,
      "create",
      "-n",
      "x",
      "-y",
      "--override-channels",
      "-c",
      server.url,
      "tool",
    );
    expect(made.stderr).not.toMatch(/warning/i);
    expect(made.code).toBe(0);
    expect(readFileSync(join(dir, "root/envs/x/share/tool/version"), "utf8")).toBe("1.0");
    const listed = JSON.parse((await run(binary, "list", "-n", "x", "--json")).stdout) as { name: string }[];
    expect(listed.map(({ name }) => name)).toEqual(["lib", "tool"]);
    expect(await run(binary, "remove", "-n", "x", "-y", "-q", "tool")).toMatchObject({ code: 0, stderr: "" });
    const tree = join(dir, "root/pkgs/tool-1.0-0");
    for (const archive of ["tool-1.0-0.tar.bz2", "tool-1.0-0.conda"]) {
      expect(await run(binary, "package", "compress", tree, join(dir, archive))).toMatchObject({ code: 0 });
      expect(existsSync(join(dir, archive))).toBe(true);
    }
  });

  it.skipIf(process.platform === "win32")("goes by the name that it is called by", async () => {
    symlinkSync(binary, join(dir, "micromamba"));
    const called = (name: string, path: string) =>
      spawnSync(name, ["shell", "hook", "-s", "posix"], { env: { PATH: path, HOME: home }, encoding: "utf8" })
        .stdout;
    expect((await run(join(dir, "micromamba"), "--version")).stdout).toMatch(/^2\./);
    expect(called("micromamba", dir)).toContain(join(dir, "micromamba"));
  });
});
