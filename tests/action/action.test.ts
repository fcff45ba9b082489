import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { splitWords } from "../../action/inputs.ts";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { repoRoot } from "../support/shared.ts";

interface Step {
  id: string;
  run?: string;
  env?: Record<string, string>;
}
const action = parse(readFileSync(join(repoRoot, "action.yml"), "utf8")) as {
  inputs: Record<string, { default: string }>;
  outputs: Record<string, { value: string }>;
  runs: { steps: Step[] };
};

describe.skipIf(process.platform === "win32")("the GitHub Action", () => {
  let dir: string;
  let server: ChannelServer;
  const given = (name: string) => readFileSync(join(dir, name), "utf8");

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "taipan action-"));
    mkdirSync(join(dir, "home"));
    const files = [
      { path: "bin/tool", content: "#!/bin/sh\necho tool runs in $CONDA_PREFIX\n", mode: 0o755 },
      { path: "share/tool", content: "1" },
    ];
    await writeChannel(join(dir, "channel"), [
      await buildPackage({ name: "tool", version: "1.0", noarch: "generic", files }),
      await buildPackage({ name: "tool", version: "2.0", noarch: "generic", files }),
    ]);
    server = await startServer({ root: join(dir, "channel") });
    writeFileSync(
      join(dir, "environment.yml"),
      `name: ci\nchannels: ["${server.url}", nodefaults]\ndependencies: [tool]\n`,
    );
  });
  afterEach(async () => {
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Runs the steps of action.yml in bash, as a runner does, but for the first one: the build is there. */
  async function steps(inputs: Record<string, string>) {
    const values: Record<string, string> = { "root-path": join(dir, "root") };
    for (const [name, { default: value }] of Object.entries(action.inputs))
      values[name] = inputs[name] ?? values[name] ?? value;
    for (const name of Object.keys(inputs)) expect(action.inputs).toHaveProperty(name);
    let result = { code: 0, stdout: "", stderr: "" };
    for (const { id, run, env = {} } of action.runs.steps) {
      if (!run || id === "build" || result.code !== 0) continue;
      const words = Object.entries(env).map(([name, text]) => {
        const input = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(text)![1]!;
        expect(name).toBe(`INPUT_${input.toUpperCase().replaceAll("-", "_")}`);
        return [name, values[input]!] as const;
      });
      result = await bash(run, { ...Object.fromEntries(words), GITHUB_OUTPUT: join(dir, `output-${id}`) });
    }
    return result;
  }

  function bash(script: string, env: Record<string, string> = {}, args: string[] = []) {
    return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const all = {
        PATH: process.env["PATH"] ?? "",
        HOME: join(dir, "home"),
        NODE_DISABLE_COMPILE_CACHE: "1",
        GITHUB_ACTION_PATH: repoRoot,
        GITHUB_ENV: join(dir, "env"),
        GITHUB_PATH: join(dir, "path"),
        ...env,
      };
      execFile("bash", [...args, "-c", script], { env: all, cwd: dir }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });
  }

  it("makes the environment of a file, and later steps are in it", async () => {
    const result = await steps({ "environment-file": "environment.yml", links: "micromamba" });
    expect(result, result.stderr).toMatchObject({ code: 0 });
    const prefix = join(dir, "root", "envs", "ci");
    expect(given("output-create")).toBe(`environment-path=${prefix}\n`);
    expect(existsSync(join(prefix, "conda-meta", "tool-2.0-0.json"))).toBe(true);
    const programs = `${join(dir, "root")}-bin`;
    expect(given("path")).toBe(`${programs}\n`);
    expect(given("env")).toContain(`MAMBA_ROOT_PREFIX=${join(dir, "root")}\n`);
    // What the runner does for `shell: bash -el {0}` and for `shell: taipan-shell {0}`.
    const variables = given("env")
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/=(.*)/).slice(0, 2) as [string, string]);
    const later = { ...Object.fromEntries(variables), PATH: `${programs}:${process.env["PATH"]}` };
    expect((await bash("tool", later, ["-el"])).stdout).toBe(`tool runs in ${prefix}\n`);
    writeFileSync(join(dir, "step.sh"), "tool\n");
    expect((await bash("taipan-shell step.sh", later)).stdout).toBe(`tool runs in ${prefix}\n`);
    writeFileSync(join(dir, "step.sh"), "false\necho further\n");
    expect(await bash("taipan-shell step.sh", later)).toMatchObject({ code: 1, stdout: "" });
    expect((await bash("micromamba --version; taipan list -n ci --json", later)).stdout).toMatch(
      /^2\.[\d.]+\n\[[\s\S]*"tool"/,
    );
    const profile = given("home/.bash_profile");
    expect((await steps({ "environment-file": "environment.yml" })).code).toBe(0);
    expect(given("home/.bash_profile")).toBe(profile);
  });

  it("takes arguments for create, a condarc, and a name with create-args alone", async () => {
    const condarc = `channels:\n  - ${server.url}\n`;
    const inputs = { "create-args": "'tool <2'", condarc, "environment-name": "other", "init-shell": "none" };
    const result = await steps({ ...inputs, "generate-run-shell": "false" });
    expect(result, result.stderr).toMatchObject({ code: 0 });
    expect(existsSync(join(dir, "root/envs/other/conda-meta/tool-1.0-0.json"))).toBe(true);
    expect(existsSync(join(dir, "home", ".bash_profile"))).toBe(false);
    expect(existsSync(`${join(dir, "root")}-bin/taipan-shell`)).toBe(false);
  });

  it("keeps downloads by what decides about them", async () => {
    const key = async (inputs: Record<string, string>) => {
      rmSync(join(dir, "output-prepare"), { force: true });
      await steps({ "init-shell": "none", ...inputs, "root-path": join(dir, "root") });
      return /^cache-downloads-key=(.*)$/m.exec(given("output-prepare"))![1]!;
    };
    const nothing = await key({});
    expect(nothing).toMatch(/^taipan-downloads-[\w-]+-[0-9a-f]{16}$/);
    expect(given("output-prepare")).toContain(`downloads-path=${join(dir, "root", "pkgs")}\n`);
    const file = await key({ "environment-file": "environment.yml" });
    writeFileSync(join(dir, "environment.yml"), `${given("environment.yml")}# other\n`);
    expect(new Set([nothing, file, await key({ "environment-file": "environment.yml" })]).size).toBe(3);
    expect(await key({ "cache-downloads-key": "mine" })).toBe("mine");
    const outputs = Object.values(action.outputs).map(
      ({ value }) => /steps\.prepare\.outputs\.([\w-]+)/.exec(value)?.[1],
    );
    for (const name of outputs) if (name) expect(given("output-prepare")).toContain(`${name}=`);
  });

  it.each([
    ["a file that is not there", { "environment-file": "missing.yml" }, /missing\.yml/],
    [
      "a package that is not there",
      { "environment-file": "environment.yml", "create-args": "no-such" },
      /exit code 1/,
    ],
    ["arguments without a name", { "create-args": "tool" }, /environment-name/],
    ["a shell that it does not know", { "init-shell": "sh -c evil" }, /init-shell/],
    ["an open quote", { "create-args": "'tool" }, /create-args/],
    ["a key of two lines", { "cache-downloads-key": "a\nPATH=/evil" }, /more than one line/],
    ["a link out of its directory", { links: "../evil" }, /links/],
  ])("says what is wrong: %s", async (_, inputs, message) => {
    const result = await steps(inputs);
    expect(result.code).toBe(1);
    expect(
      result.stdout.split("\n").filter((line) => line.startsWith("::error title=taipan::")),
    ).toHaveLength(1);
    expect(result.stdout).toMatch(message);
  });
});

it("splits arguments as a shell does, but expands nothing", () => {
  expect(splitWords(`a  "b c" d'e f'g '' "$(x) \`y\`"`)).toEqual(["a", "b c", "de fg", "", "$(x) `y`"]);
});
