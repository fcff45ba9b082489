import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { hostPlatform } from "../../src/specs/platform.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { pipPackage, pythonPackage, systemPython } from "../support/python-package.ts";

const python = process.platform === "win32" ? undefined : systemPython();
const subdir = hostPlatform(process.platform, process.arch);

/** A wheel, which is a zip; made by python itself so that the test has no zip code of its own. */
const MAKE_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("wheeled.py", "VALUE = 41 + 1\\n")
    z.writestr("wheeled-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: wheeled\\nVersion: 1.0\\n")
    z.writestr("wheeled-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr("wheeled-1.0.dist-info/RECORD", "wheeled.py,,\\nwheeled-1.0.dist-info/METADATA,,\\nwheeled-1.0.dist-info/WHEEL,,\\nwheeled-1.0.dist-info/RECORD,,\\n")
`;

describe.skipIf(!python)("a real python", { shuffle: false }, () => {
  let sandbox: Sandbox;
  let server: ChannelServer;
  const prefix = () => join(sandbox.root, "envs", "py");

  beforeAll(async () => {
    sandbox = createSandbox();
    const packages = [
      await pythonPackage(python!, subdir),
      await buildPackage({
        name: "greeter",
        version: "1.0",
        noarch: "python",
        depends: ["python >=3"],
        entryPoints: ["greet = greeter.cli:main"],
        files: [
          { path: "site-packages/greeter/__init__.py", content: "" },
          {
            path: "site-packages/greeter/cli.py",
            content:
              "import sys\n\ndef main():\n    print('hello from', sys.prefix)\n    return 3\n\ndef fail():\n    raise ValueError('as planned')\n",
          },
          {
            path: "python-scripts/greet-script",
            content: "#!/usr/bin/env python\nprint('script')\n",
            mode: 0o755,
          },
        ],
      }),
    ];
    if (python!.pip) packages.push(await pipPackage({ ...python!, pip: python!.pip }));
    const dir = join(sandbox.dir, "channel");
    await writeChannel(dir, packages);
    server = await startServer({ root: dir });
    writeFileSync(
      join(sandbox.dir, "environment.yml"),
      `name: py\nchannels: [${server.url}]\ndependencies:\n  - greeter\n${python!.pip ? "  - pip\n  - pip:\n    - ./wheeled-1.0-py3-none-any.whl\n" : ""}variables:\n  COLOUR: blue\n`,
    );
    execFileSync("python3", ["-c", MAKE_WHEEL, join(sandbox.dir, "wheeled-1.0-py3-none-any.whl")]);
  });

  afterAll(async () => {
    await server.close();
    sandbox.close();
  });

  it("is created from environment.yml with its pip section", async () => {
    const result = await sandbox.taipan(
      "env",
      "create",
      "-f",
      "environment.yml",
      "--override-channels",
      "-y",
    );
    expect(result.stderr).not.toContain("error:");
    expect(result.code).toBe(0);
    const code = `import os, sys, greeter, ${python!.pip ? "wheeled" : "sys as wheeled"}; print(sys.prefix, os.environ["COLOUR"], getattr(wheeled, "VALUE", 42))`;
    const run = await sandbox.taipan("run", "-n", "py", "python", "-c", code);
    expect(run.stderr).toBe("");
    expect(run.stdout).toBe(`${prefix()} blue 42\n`);
  });

  it("has working entry points with the prefix's python in their shebang", async () => {
    const script = readFileSync(join(prefix(), "bin", "greet"), "utf8");
    expect(script.split("\n")[0]).toBe(`#!${prefix()}/bin/python${python!.minor}`);
    const run = await sandbox.taipan("run", "-n", "py", "greet");
    expect([run.code, run.stdout]).toEqual([3, `hello from ${prefix()}\n`]);
    expect(existsSync(join(prefix(), "bin", "greet-script"))).toBe(true);
  });

  it("has byte code that python itself accepts, and tracebacks name the prefix", async () => {
    const cache = join(prefix(), "lib", `python${python!.minor}`, "site-packages", "greeter", "__pycache__");
    expect(readdirSync(cache).sort()).toHaveLength(2);
    const probe = await sandbox.taipan("run", "-n", "py", "python", "-v", "-c", "import greeter.cli");
    expect(probe.stderr).toMatch(/code object from .*greeter\/__pycache__\/cli\.cpython/);
    const failure = await sandbox.taipan(
      "run",
      "-n",
      "py",
      "python",
      "-c",
      "import greeter.cli; greeter.cli.fail()",
    );
    expect(failure.stderr).toContain(
      join(prefix(), "lib", `python${python!.minor}`, "site-packages", "greeter", "cli.py"),
    );
  });

  it("compiles nothing with --no-pyc", async () => {
    const result = await sandbox.taipan(
      "create",
      "-n",
      "bare",
      "--override-channels",
      "-c",
      server.url,
      "greeter",
      "--no-pyc",
      "-y",
      "-q",
    );
    expect(result.code).toBe(0);
    const modules = join(
      sandbox.root,
      "envs",
      "bare",
      "lib",
      `python${python!.minor}`,
      "site-packages",
      "greeter",
    );
    expect(readdirSync(modules).sort()).toEqual(["__init__.py", "cli.py"]);
  });

  it("leaves nothing of a removed package", async () => {
    expect((await sandbox.taipan("remove", "-n", "py", "greeter", "-y", "-q")).code).toBe(0);
    expect(existsSync(join(prefix(), "bin", "greet"))).toBe(false);
    expect(existsSync(join(prefix(), "lib", `python${python!.minor}`, "site-packages", "greeter"))).toBe(
      false,
    );
  });

  it.skipIf(!python?.pip)("reports a failing pip section with pip's own words", async () => {
    writeFileSync(
      join(sandbox.dir, "bad.yml"),
      `name: badpip\nchannels: [${server.url}]\ndependencies:\n  - pip\n  - pip:\n    - ./not-there-1.0-py3-none-any.whl\n`,
    );
    const result = await sandbox.taipan("env", "create", "-f", "bad.yml", "--override-channels", "-y");
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/error: .*pip.*not-there/s);
  });
});
