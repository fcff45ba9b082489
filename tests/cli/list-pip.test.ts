import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { hostPlatform } from "../../src/specs/platform.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { runAs } from "../support/names.ts";
import { pipPackage, pythonPackage, systemPython } from "../support/python-package.ts";

const platform = hostPlatform(process.platform, process.arch);

describe("what pip installed", () => {
  let sandbox: Sandbox;
  let server: ChannelServer;
  let prefix: string;
  const site = (...parts: string[]) => join(prefix, "lib/python3.11/site-packages", ...parts);
  const write = (path: string, content: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  };
  const metadata = (name: string, version: string) =>
    `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n\nName: not-this\n`;

  beforeAll(async () => {
    sandbox = createSandbox();
    const dir = join(sandbox.dir, "channel");
    await writeChannel(dir, [
      await buildPackage({
        name: "python",
        version: "3.11.4",
        subdir: platform,
        files: { "lib/python3.11/site-packages/README.txt": "" },
      }),
      await buildPackage({
        name: "owned",
        version: "1.0",
        noarch: "python",
        depends: ["python"],
        files: {
          "site-packages/owned.py": "",
          "site-packages/owned-1.0.dist-info/METADATA": metadata("owned", "1.0"),
        },
      }),
    ]);
    server = await startServer({ root: dir });
    await sandbox.taipan(
      "create",
      "-n",
      "py",
      "--override-channels",
      "-c",
      server.url,
      "owned",
      "--no-pyc",
      "-y",
      "-q",
    );
    prefix = join(sandbox.root, "envs", "py");
    write(site("My_Wheel-2.0.dist-info", "METADATA"), metadata("My_Wheel", "2.0"));
    write(
      site("My_Wheel-2.0.dist-info", "RECORD"),
      "my_wheel.py,sha256=x,120\nMy_Wheel-2.0.dist-info/RECORD,,\nbin/x,sha256=y,30\n",
    );
    write(site("old.egg-info", "PKG-INFO"), metadata("old", "0.1"));
    write(site("single.egg-info"), metadata("single", "0.2"));
    write(site("develop.egg-link"), `${join(sandbox.dir, "develop")}\n.\n`);
    write(join(sandbox.dir, "develop", "develop.egg-info", "PKG-INFO"), metadata("develop", "3"));
    write(site("broken-1.dist-info", "METADATA"), "no headers\n");
    write(site("empty-1.dist-info", "RECORD"), "");
  });

  afterAll(async () => {
    await server.close();
    sandbox.close();
  });

  it("is listed by name with conda's build and channel, but not what conda packages brought", async () => {
    const list = (await sandbox.taipan("list", "-n", "py", "--json")).json<Record<string, unknown>[]>();
    expect(list.map(({ name, version, channel }) => `${name} ${version} ${channel}`)).toEqual([
      "develop 3 pypi",
      "my-wheel 2.0 pypi",
      "old 0.1 pypi",
      `owned 1.0 ${server.url}`,
      `python 3.11.4 ${server.url}`,
      "single 0.2 pypi",
    ]);
    expect(list[1]).toEqual({
      base_url: "https://conda.anaconda.org/pypi",
      build_number: 0,
      build_string: "pypi_0",
      channel: "pypi",
      dist_name: "my-wheel-2.0-pypi_0",
      md5: "",
      sha256: "",
      url: "",
      name: "my-wheel",
      platform: "pypi",
      version: "2.0",
    });
    expect((await sandbox.taipan("list", "-n", "py")).stdout).toMatch(/my-wheel +2\.0 +pypi_0 +pypi\n/);
    expect(
      (await sandbox.taipan("list", "-n", "py", "^my", "--size", "--json")).json<{ size: number }[]>()[0]!
        .size,
    ).toBe(150);
    const without = (await sandbox.taipan("list", "-n", "py", "--no-pip", "--json")).json<
      { name: string }[]
    >();
    expect(without.map(({ name }) => name)).toEqual(["owned", "python"]);
  });

  it("is part of an exported environment, and named where a format cannot have it", async () => {
    const yaml = parse((await sandbox.taipan("env", "export", "-n", "py")).stdout);
    expect(yaml.dependencies).toEqual([
      "owned=1.0=0",
      "python=3.11.4=0",
      { pip: ["develop==3", "my-wheel==2.0", "old==0.1", "single==0.2"] },
    ]);
    expect(
      parse((await sandbox.taipan("env", "export", "-n", "py", "--from-history")).stdout).dependencies,
    ).toEqual(["owned"]);
    const said = /3rd party Python packages, which pip installed: .*my-wheel==2\.0/;
    const words = ["export", "-n", "py"];
    expect((await runAs(sandbox, "conda", words)).stderr).toMatch(said);
    expect((await runAs(sandbox, "conda", [...words, "-q"])).stderr).toBe("");
    const file = ["-f", join(sandbox.dir, "py.yml"), "--json"];
    const written = await runAs(sandbox, "conda", [...words, ...file]);
    expect(written.stderr).toBe("");
    expect(JSON.parse(written.stdout)).toMatchObject({ warnings: [expect.stringMatching(said)] });
    const lock = await sandbox.taipan("export", "-n", "py", "--format", "conda-lock");
    expect(lock.stderr).toContain("my-wheel");
  });
});

const python = process.platform === "win32" ? undefined : systemPython();

const MAKE_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("wheeled.py", "VALUE = 41 + 1\\n")
    z.writestr("wheeled-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: wheeled\\nVersion: 1.0\\nRequires-Dist: nowhere-to-be-found\\n")
    z.writestr("wheeled-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr("wheeled-1.0.dist-info/RECORD", "wheeled.py,,\\nwheeled-1.0.dist-info/METADATA,,\\nwheeled-1.0.dist-info/WHEEL,,\\nwheeled-1.0.dist-info/RECORD,,\\n")
`;

describe.skipIf(!python?.pip)("a lock file with a pip package", () => {
  it("has it installed by the environment's pip, alone and with its hash", async () => {
    const sandbox = createSandbox();
    const dir = join(sandbox.dir, "channel");
    await writeChannel(dir, [
      await pythonPackage(python!, platform),
      await pipPackage({ ...python!, pip: python!.pip! }),
    ]);
    const server = await startServer({ root: dir });
    try {
      const wheel = join(dir, "wheeled-1.0-py3-none-any.whl");
      execFileSync("python3", ["-c", MAKE_WHEEL, wheel]);
      await sandbox.taipan(
        "lock",
        "pip",
        "--override-channels",
        "-c",
        server.url,
        "-o",
        "conda-lock.yml",
        "-q",
      );
      const sha256 = createHash("sha256").update(readFileSync(wheel)).digest("hex");
      const entry = (hash: string) =>
        `- name: wheeled\n  version: '1.0'\n  manager: pip\n  platform: ${platform}\n  dependencies: {}\n  url: ${server.url}/wheeled-1.0-py3-none-any.whl\n  hash:\n    sha256: ${hash}\n  category: main\n  optional: false\n`;
      const lock = readFileSync(join(sandbox.dir, "conda-lock.yml"), "utf8");
      writeFileSync(join(sandbox.dir, "bad-lock.yml"), lock + entry("0".repeat(64)));
      const bad = await sandbox.taipan("create", "-n", "bad", "-f", "bad-lock.yml", "-y", "-q");
      expect([bad.code, bad.stderr]).toEqual([1, expect.stringMatching(/pip could not install.*hash/is)]);
      writeFileSync(join(sandbox.dir, "pip-lock.yml"), lock + entry(sha256));
      const result = await sandbox.taipan("create", "-n", "locked", "-f", "pip-lock.yml", "-y", "-q");
      expect([result.code, result.stderr]).toEqual([0, ""]);
      expect(
        (await sandbox.taipan("run", "-n", "locked", "python", "-c", "import wheeled; print(wheeled.VALUE)"))
          .stdout,
      ).toBe("42\n");
      expect((await sandbox.taipan("list", "-n", "locked", "wheeled", "--json")).json()).toMatchObject([
        { name: "wheeled", channel: "pypi" },
      ]);
      expect(existsSync(join(sandbox.dir, ".taipan-requirements.txt"))).toBe(false);
    } finally {
      await server.close();
      sandbox.close();
    }
  });
});
