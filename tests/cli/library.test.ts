import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import type { Event } from "../../src/events.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { repoRoot } from "../support/shared.ts";

/** The bundle, as a program that depends on taipan loads it: worker threads and all. */
const library = (await import(
  pathToFileURL(join(repoRoot, "dist", "index.js")).href
)) as typeof import("../../src/index.ts");

describe("the Node library", () => {
  let sandbox: Sandbox;
  let server: ChannelServer;

  beforeAll(async () => {
    sandbox = createSandbox();
    const dir = join(sandbox.dir, "channel");
    const file = (version: string) => [{ path: "share/tool/version", content: version }];
    await writeChannel(dir, [
      await buildPackage({
        name: "tool",
        version: "1.0",
        noarch: "generic",
        depends: ["lib"],
        files: file("1.0"),
      }),
      await buildPackage({
        name: "tool",
        version: "2.0",
        noarch: "generic",
        depends: ["lib"],
        files: file("2.0"),
      }),
      await buildPackage({ name: "lib", version: "1.0", noarch: "generic", files: [] }),
    ]);
    server = await startServer({ root: dir });
  });

  afterAll(async () => {
    await server.close();
    sandbox.close();
  });

  it("runs the program of the README", async () => {
    const [, program] = /```js\n(import [\s\S]*? from "taipan"[\s\S]*?)```/.exec(
      readFileSync(join(repoRoot, "README.md"), "utf8"),
    )!;
    const file = join(sandbox.dir, "program.mjs");
    const own = [
      ['"taipan"', JSON.stringify(pathToFileURL(join(repoRoot, "dist", "index.js")).href)],
      ['"conda-forge"', JSON.stringify(server.url)],
      ['"python=3.12"', '"tool=1"'],
    ] as const;
    writeFileSync(
      file,
      own.reduce((text, [from, to]) => text.replace(from, to), program!),
    );
    writeFileSync(join(sandbox.dir, "environment.yml"), "dependencies: [tool]\n");
    const { stdout } = await promisify(execFile)(process.execPath, [file], {
      cwd: sandbox.dir,
      env: { PATH: process.env["PATH"], HOME: sandbox.home, MAMBA_ROOT_PREFIX: join(sandbox.dir, "own") },
    });
    expect(stdout).toContain(`tool 2.0 ${server.url}/noarch/tool-2.0-0.conda\n`);
    expect(stdout).toContain("2 packages");
    expect(stdout).toContain("  - tool=1.0\n");
    expect(readFileSync(join(sandbox.dir, "conda-lock.yml"), "utf8")).toContain("osx-arm64");
    expect(existsSync(join(sandbox.dir, "env/share/tool/version"))).toBe(true);
    expect(existsSync(join(sandbox.dir, "own/pkgs/tool-2.0-0/info/index.json"))).toBe(true);
  });

  it("creates, updates, lists and empties an environment in this process", async () => {
    const seen: Event[] = [];
    const context = library.createContext({
      env: { HOME: sandbox.home, PATH: process.env["PATH"] },
      config: { rootPrefix: sandbox.root, channels: [server.url] },
      events: (event) => seen.push(event),
    });
    try {
      const target = { name: "lib-env" };
      const created = await library.create({ specs: ["tool=1"], target }, context);
      expect(created.done).toBe(true);
      const prefix = (await library.prefixOf(target, context))!;
      expect(prefix).toBe(join(sandbox.root, "envs", "lib-env"));
      expect(readFileSync(join(prefix, "share/tool/version"), "utf8")).toBe("1.0");
      const updated = await library.install({ command: "update", specs: ["tool"], target }, context);
      expect(updated.plan.transaction.operations.map(({ kind }) => kind)).toEqual(["upgrade"]);
      const { records } = await library.list({ target }, context);
      expect(records.map(({ name, version }) => `${name} ${version}`)).toEqual(["lib 1.0", "tool 2.0"]);
      await library.remove({ target, specs: ["lib"], prune: true }, context);
      expect(existsSync(join(prefix, "share"))).toBe(false);
      expect(seen.filter((event) => event.type === "fetch" && event.state === "done").length).toBe(3);
    } finally {
      await context.resources.close();
    }
  });

  it("locks below the directory that it is given, wherever this process is", async () => {
    const cwd = join(sandbox.dir, "project");
    mkdirSync(cwd);
    const file = join(cwd, "environment.yml");
    writeFileSync(file, "dependencies: [tool]\n");
    const context = library.createContext({
      cwd,
      env: { HOME: sandbox.home },
      config: { rootPrefix: sandbox.root, channels: [server.url] },
    });
    try {
      await library.lock({ files: [file], output: "locks/conda-lock.yml" }, context);
    } finally {
      await context.resources.close();
    }
    expect(readFileSync(join(cwd, "locks/conda-lock.yml"), "utf8")).toContain("- ../environment.yml\n");
  });

  it("throws failures with their code and leaves nothing behind", async () => {
    const context = library.createContext({
      env: { HOME: sandbox.home },
      config: { rootPrefix: sandbox.root, channels: [server.url] },
    });
    try {
      const target = { prefix: join(sandbox.dir, "nothing") };
      const failure = library.create(
        {
          files: [],
          channels: [],
          readStdin: library.noStdin,
          specs: ["toool"],
          target,
          noDefaultPackages: false,
        },
        context,
      );
      await expect(failure).rejects.toMatchObject({
        code: "package-not-found",
        message: expect.stringContaining("toool"),
      });
      expect(existsSync(target.prefix)).toBe(false);
    } finally {
      await context.resources.close();
    }
  });
});
