import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { hostPlatform } from "../../src/specs/platform.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { pipPackage, pythonPackage, systemPython } from "../support/python-package.ts";
import { repoRoot } from "../support/shared.ts";

const python = process.platform === "win32" ? undefined : systemPython();
const host = hostPlatform(process.platform, process.arch);
const other = host === "osx-arm64" ? "linux-64" : "osx-arm64";
const [here, there] = host.startsWith("osx") ? ["darwin", "linux"] : ["linux", "darwin"];

/** `[file name, requirements]` of the wheels of the index. */
const WHEELS: readonly (readonly [string, readonly string[]])[] = [
  [
    "app-1.0-py3-none-any.whl",
    [
      "Base_Tool >=1.0",
      `only-here; sys_platform == "${here}"`,
      `only-there; sys_platform == "${there}"`,
      'more; extra == "x"',
    ],
  ],
  ["only_here-0.1-py3-none-any.whl", []],
  ["only_there-0.2-py3-none-any.whl", []],
  ["base_tool-9.0-py3-none-any.whl", []],
  ["fast-2.0-cp399-cp399-win_amd64.whl", []],
];

const MAKE_WHEELS = `
import json, os, sys, zipfile
for file, requires in json.load(sys.stdin):
    name, version = file.split("-")[:2]
    stem = name + "-" + version
    with zipfile.ZipFile(os.path.join(sys.argv[1], file), "w") as z:
        z.writestr(name + ".py", "VERSION = %r\\n" % version)
        z.writestr(stem + ".dist-info/METADATA", "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (name, version) + "".join("Requires-Dist: %s\\n" % r for r in requires))
        z.writestr(stem + ".dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        z.writestr(stem + ".dist-info/RECORD", "%s.py,,\\n" % name + "".join("%s.dist-info/%s,,\\n" % (stem, f) for f in ("METADATA", "WHEEL", "RECORD")))
`;

/** Project pages in HTML (PEP 503) and, where it is asked for, JSON (PEP 691); archives below /files. */
function answer(wheels: string, path: string, accept: string): [type: string, body: string] | undefined {
  const project = /^\/simple\/([^/]+)\/$/.exec(path)?.[1];
  if (project === undefined) return undefined;
  const files = readdirSync(wheels)
    .filter((file) => file.split("-")[0]!.replaceAll("_", "-") === project)
    .map((filename) => ({
      filename,
      url: `/files/${filename}`,
      hashes: {
        sha256: createHash("sha256")
          .update(readFileSync(join(wheels, filename)))
          .digest("hex"),
      },
    }));
  if (accept.includes("application/vnd.pypi.simple.v1+json") && project !== "only-here")
    return [
      "application/vnd.pypi.simple.v1+json",
      JSON.stringify({ meta: { "api-version": "1.0" }, name: project, files }),
    ];
  return [
    "text/html",
    files
      .map(({ filename, url, hashes }) => `<a href="${url}#sha256=${hashes.sha256}">${filename}</a>`)
      .join(""),
  ];
}

describe.skipIf(!python?.pip)("lock of a pip section", () => {
  let sandbox: Sandbox;
  let channel: ChannelServer;
  let index: ChannelServer;
  let env: Record<string, string>;
  const path = (name: string) => join(sandbox.dir, name);
  const lock = (...args: string[]) =>
    sandbox.taipanWith({ env }, "lock", "--override-channels", "-q", ...args);
  const environment = (name: string, pip: string, extra = "") =>
    writeFileSync(
      path(name),
      `channels: [${channel.url}]\ndependencies:\n- python\n- pip\n- base_tool\n- pip:\n  - ${pip}\n${extra}`,
    );

  beforeAll(async () => {
    sandbox = createSandbox();
    const base = (version: string) =>
      buildPackage({
        name: "base_tool",
        version,
        noarch: "python",
        depends: ["python"],
        files: [{ path: "site-packages/base_tool.py", content: `VERSION = "${version}"\n` }],
      });
    await writeChannel(path("channel"), [
      await pythonPackage(python!, host),
      await buildPackage({
        name: "python",
        version: python!.version,
        build: "x_0_cpython",
        subdir: other,
        files: [],
      }),
      await pipPackage({ ...python!, pip: python!.pip! }),
      await base("1.5"),
    ]);
    const wheels = path("wheels");
    mkdirSync(wheels);
    execFileSync("python3", ["-c", MAKE_WHEELS, wheels], { input: JSON.stringify(WHEELS) });
    channel = await startServer({ root: path("channel") });
    index = await startServer({
      handler: (request, response) => {
        const url = request.url!.split("?")[0]!;
        const page = answer(wheels, url, String(request.headers.accept));
        if (page) response.writeHead(200, { "content-type": page[0] }).end(page[1]);
        else if (url === "/names.json") response.end('{"base_tool": null}');
        else if (url.startsWith("/files/")) response.end(readFileSync(join(wheels, url.slice(7))));
        else return false;
        return true;
      },
    });
    env = { PIP_INDEX_URL: `${index.url}/simple/`, PIP_NO_CACHE_DIR: "1", PIP_REQUIRE_VIRTUALENV: "1" };
    environment("environment.yml", "app");
  });

  afterAll(async () => {
    await channel.close();
    await index.close();
    sandbox.close();
  });

  it("resolves the wheels of each platform, beside what conda installs", async () => {
    const result = await lock("-f", "environment.yml", "--platform", host, "--platform", other, "--json");
    expect(result.stderr).toBe("");
    const ajv = new Ajv2020({ strict: false });
    for (const name of ["package", "lock"])
      ajv.addSchema(
        JSON.parse(readFileSync(join(repoRoot, "docs", "schemas", `${name}.schema.json`), "utf8")),
      );
    expect([ajv.validate("lock.schema.json", result.json()), ajv.errors]).toEqual([true, null]);
    const { pip } = result.json<{ pip: Record<string, { name: string; url: string; sha256: string }[]> }>();
    expect(pip[host]!.map(({ name }) => name)).toEqual(["app", "only-here"]);
    expect(pip[other]!.map(({ name }) => name)).toEqual(["app", "only-there"]);
    const entries = parse(readFileSync(path("conda-lock.yml"), "utf8")).package.filter(
      ({ manager }: { manager: string }) => manager === "pip",
    );
    expect(entries).toHaveLength(4);
    expect(
      entries.find(({ name, platform }: Record<string, string>) => name === "app" && platform === host),
    ).toEqual({
      name: "app",
      version: "1.0",
      manager: "pip",
      platform: host,
      dependencies: { "base-tool": ">=1.0", "only-here": "", "only-there": "" },
      url: `${index.url}/files/app-1.0-py3-none-any.whl`,
      hash: {
        sha256: createHash("sha256")
          .update(readFileSync(path("wheels/app-1.0-py3-none-any.whl")))
          .digest("hex"),
      },
      category: "main",
      optional: false,
    });
    expect(readdirSync(sandbox.dir).filter((name) => name.startsWith(".taipan"))).toEqual([]);
  });

  it.each(["conda-lock.yml", "pixi.lock"])(
    "installs from %s what was locked, without an index",
    async (file) => {
      expect((await lock("-f", "environment.yml", "-o", file)).code).toBe(0);
      const prefix = path(`from-${file}`);
      const nowhere = { PIP_INDEX_URL: "http://127.0.0.1:9/simple/", PIP_NO_CACHE_DIR: "1" };
      const result = await sandbox.taipanWith(
        { env: nowhere },
        "create",
        "-p",
        prefix,
        "-f",
        file,
        "-y",
        "-q",
      );
      expect(result.stderr).toBe("");
      const code =
        "import app, only_here, base_tool; print(app.VERSION, only_here.VERSION, base_tool.VERSION)";
      const run = await sandbox.taipan("run", "-p", prefix, "python", "-c", code);
      expect(run.stdout.trim()).toBe("1.0 0.1 1.5");
      const changed = readFileSync(path(file), "utf8").replace(
        /(app-1\.0-py3[\s\S]*?sha256: )[0-9a-f]{8}/,
        "$100000000",
      );
      writeFileSync(path(`changed-${file}`), changed);
      const refused = await sandbox.taipanWith(
        { env: nowhere },
        ...["create", "-p", path(`no-${file}`), "-f", `changed-${file}`, "-y", "-q"],
      );
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/hash/i)]);
    },
  );

  it("is told by a file or a URL of names which conda packages are none of PyPI's, and reads it once", async () => {
    writeFileSync(path("names.json"), JSON.stringify({ base_tool: null }));
    for (const mapping of ["names.json", `${index.url}/names.json`]) {
      const result = await sandbox.taipanWith(
        { env: { ...env, TAIPAN_PYPI_NAME_MAPPING: mapping } },
        ...["lock", "-f", "environment.yml", "--platform", host, "--platform", other, "--json"],
      );
      const { pip } = result.json<{ pip: Record<string, { name: string; version: string }[]> }>();
      for (const platform of [host, other])
        expect(pip[platform]!.map(({ name, version }) => `${name} ${version}`)).toContain("base-tool 9.0");
    }
    expect(index.requests.filter(({ path: asked }) => asked === "/names.json")).toHaveLength(1);
  });

  it("says what pip says where there is no wheel", async () => {
    environment("fast.yml", "fast");
    const result = await lock("-f", "fast.yml", "-o", "fast-lock.yml");
    expect([result.code, result.stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`for ${host}, pip could not resolve.*fast(.|\\n)*wheels`)),
    ]);
    expect(readdirSync(sandbox.dir)).not.toContain("fast-lock.yml");
  });

  it("takes the pip that uv runs where there is no other, or when it is told to", async () => {
    // Stands for uv, which CI has not: the words that it gets, and then what it does with them.
    mkdirSync(path("uv-bin"));
    writeFileSync(
      path("uv-bin/uv"),
      `#!/bin/sh\n[ "$1 $2 $3 $4 $5 $6" = "run --no-project --quiet --with pip python" ] || exit 9\n[ "$UV_OFFLINE" != 1 ] || { echo 'uv: offline' >&2; exit 2; }\nshift 6\nPATH='${process.env["PATH"]}' exec python3 "$@"\n`,
      { mode: 0o755 },
    );
    const with_ = (PATH: string, ...more: string[]) =>
      sandbox.taipanWith(
        { env: { ...env, PATH } },
        ...["lock", "--override-channels", "-q", "-f", "environment.yml", "-o", "uv-lock.yml", ...more],
      );
    for (const more of [[], ["--use-uv"]]) {
      const result = await with_(`${path("uv-bin")}:${path("empty")}`, ...more);
      expect([result.code, result.stderr]).toEqual([0, ""]);
      expect(readFileSync(path("uv-lock.yml"), "utf8")).toContain("app-1.0-py3-none-any.whl");
    }
    // Offline it is told to download neither pip nor python.
    const offline = await with_(`${path("uv-bin")}:${path("empty")}`, "--offline");
    expect([offline.code, offline.stderr]).toEqual([0, expect.stringContaining("is not locked: app")]);
    const refused = await with_(path("empty"), "--use-uv");
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("`uv` is not there")]);
  });

  it("warns where nothing can resolve it, or the format has no place", async () => {
    const list = await lock("-f", "environment.yml", "-o", "list.txt");
    expect([list.code, list.stderr]).toEqual([
      0,
      expect.stringMatching(/not locked: app[\s\S]*explicit lists/),
    ]);
    const without = await sandbox.taipanWith(
      { env: { ...env, PATH: path("empty") } },
      ...["lock", "--override-channels", "-q", "-f", "environment.yml", "-o", "plain-lock.yml"],
    );
    expect([without.code, without.stderr]).toEqual([
      0,
      expect.stringMatching(/not locked: app[\s\S]*pip 22\.2/),
    ]);
  });
});
