import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, DEFAULT_PLACEHOLDER as PLACEHOLDER, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV } from "../support/cli-world.ts";

let sandbox: Sandbox;
let channel: string[];

beforeAll(async () => {
  sandbox = createSandbox();
  const directory = join(sandbox.dir, "channel");
  const built = await buildPackage({
    name: "tool",
    version: "1.0",
    subdir: "linux-64",
    depends: [],
    files: [
      {
        path: "bin/tool",
        content: `#!${PLACEHOLDER}/bin/sh\necho ${PLACEHOLDER}\n`,
        mode: 0o755,
      },
      {
        path: "lib/tool.bin",
        content: Buffer.from(`\0${PLACEHOLDER}/lib\0rest\0`),
      },
      { path: "Menu/tool.json", content: JSON.stringify({ menu_name: "t", menu_items: [] }) },
    ],
  });
  await writeChannel(directory, [built], { subdirs: ["linux-64"] });
  channel = ["-c", pathToFileURL(directory).href, "--override-channels"];
});
afterAll(() => sandbox.close());

const run = (...words: string[]) => sandbox.taipanWith({ env: FIXED_ENV }, ...words);

describe("--relocate-prefix", () => {
  it("writes another prefix than the one that files are linked into", async () => {
    const prefix = join(sandbox.dir, "image", "opt", "env");
    const result = await run(
      "create",
      "-p",
      prefix,
      "--relocate-prefix",
      "/opt/env",
      "tool",
      ...channel,
      "-y",
    );
    expect(result.code, result.stderr).toBe(0);
    expect(readFileSync(join(prefix, "bin/tool"), "utf8")).toBe("#!/opt/env/bin/sh\necho /opt/env\n");
    const binary = readFileSync(join(prefix, "lib/tool.bin"));
    expect(binary.length).toBe(PLACEHOLDER.length + 11);
    expect(binary.toString("latin1")).toMatch(/^\0\/opt\/env\/lib\0+rest\0+$/);
    // Whole as it is recorded: nothing here needs mending.
    expect((await run("verify", "-p", prefix)).code).toBe(0);
    expect(existsSync("/opt/env/bin/tool")).toBe(false);
  });

  it("is a variable, too, and relative to the working directory", async () => {
    const env = { ...FIXED_ENV, MAMBA_RELOCATE_PREFIX: "/srv/there" };
    const made = await sandbox.taipanWith({ env }, "create", "-n", "byenv", "tool", ...channel, "-y");
    expect(made.code, made.stderr).toBe(0);
    expect(readFileSync(join(sandbox.root, "envs/byenv/bin/tool"), "utf8")).toContain("/srv/there\n");
    const relative = await run("create", "-n", "rel", "--relocate-prefix", "sub", "tool", ...channel, "-y");
    expect(relative.code, relative.stderr).toBe(0);
    expect(readFileSync(join(sandbox.root, "envs/rel/bin/tool"), "utf8")).toContain(join(sandbox.dir, "sub"));
  });

  it("does not go with --clone, which writes the new place", async () => {
    const result = await run("create", "-n", "copy", "--clone", "rel", "--relocate-prefix", "/x", "-y");
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining("exclude each other")]);
  });
});
