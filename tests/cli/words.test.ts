import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, type PackageSpec, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV } from "../support/cli-world.ts";

/** What is said, how often, and whether it helps. */
let sandbox: Sandbox;
let channel: string[];

beforeAll(async () => {
  sandbox = createSandbox();
  const directory = join(sandbox.dir, "channel");
  const script = { path: "bin/.boom-post-link.sh", content: "echo boom >&2\nexit 3\n" };
  const packages: Partial<PackageSpec>[] = [
    { name: "first", files: [{ path: "share/both", content: "first\n" }] },
    { name: "second", files: [{ path: "share/both", content: "2nd\n" }] },
    { name: "boom", files: [script] },
    { name: "apple", depends: ["__osx >=11"] },
  ];
  mkdirSync(directory);
  await writeChannel(
    directory,
    await Promise.all(
      packages.map((spec) => buildPackage({ version: "1.0", subdir: "linux-64", ...spec } as PackageSpec)),
    ),
    { subdirs: ["linux-64"] },
  );
  channel = ["-c", pathToFileURL(directory).href, "--override-channels", "--yes"];
});
afterAll(() => sandbox.close());

const run = (...args: string[]) => sandbox.taipanWith({ env: FIXED_ENV }, ...args);
const count = (text: string, part: string): number => text.split(part).length - 1;

describe.skipIf(process.platform === "win32")("said once", () => {
  it("the output of a failing link script, and what became of the environment", async () => {
    for (const quiet of [[], ["--quiet"]]) {
      const { code, stderr } = await run("create", "-n", "x", "boom", ...channel, ...quiet);
      expect(code).toBe(1);
      expect(count(stderr, "boom\n")).toBe(1);
      expect(stderr).toContain("the environment is as it was before");
    }
  });

  it("that a file came back, which is no linking of a package", async () => {
    await run("create", "-n", "both", "first", "second", ...channel);
    const { stderr } = await run("remove", "-n", "both", "second", "--yes");
    expect(stderr).toContain("`share/both` is of `first-1.0-0` again\n");
    expect(stderr).toContain("Unlinked 1 package in");
  });

  it("that an entry of the package cache is damaged", async () => {
    await run("create", "-n", "mend", "first", ...channel);
    const entry = join(
      sandbox.root,
      "pkgs",
      readdirSync(join(sandbox.root, "pkgs")).find((n) => n === "first-1.0-0")!,
    );
    writeFileSync(join(entry, "share/both"), "longer than it was\n");
    rmSync(join(sandbox.root, "envs/mend/share/both"));
    const { code, stderr } = await run("verify", "-n", "mend", "--fix", "--yes");
    expect(code).toBe(0);
    expect(count(stderr, "is damaged and is replaced")).toBe(1);
  });
});

describe.skipIf(process.platform === "win32")("hints that help", () => {
  it("a package of another system is no matter of a variable", async () => {
    const { stderr } = await run("create", "-n", "x", "apple", ...channel);
    expect(stderr).toContain("hint: what needs `__osx` is for macOS; --platform osx-arm64 solves for that");
    expect(stderr).not.toContain("CONDA_OVERRIDE");
  });

  it("a program that is not there: the names like it, or how it would come", async () => {
    await run("create", "-n", "tools", "first", ...channel);
    mkdirSync(join(sandbox.root, "envs/tools/bin"), { recursive: true });
    writeFileSync(join(sandbox.root, "envs/tools/bin/fluter"), "", { mode: 0o755 });
    const near = await run("run", "-n", "tools", "flutter");
    expect([near.code, near.stderr]).toEqual([127, expect.stringContaining("hint: did you mean `fluter`?")]);
    expect((await run("run", "-n", "tools", "nosuchprog")).stderr).toMatch(
      /hint: .* has no such program: install/,
    );
  });
});
