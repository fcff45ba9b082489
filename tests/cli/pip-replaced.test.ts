/** `prefix_data_interoperability`: what pip installed gives way to a conda package of the same name. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { hostPlatform } from "../../src/specs/platform.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";

const platform = hostPlatform(process.platform, process.arch);
const SITE = "lib/python3.11/site-packages";
let sandbox: Sandbox;
let channel: string;

beforeAll(async () => {
  sandbox = createSandbox();
  channel = join(sandbox.dir, "channel");
  const noarch = { version: "2.0", noarch: "python", depends: ["python"] } as const;
  await writeChannel(channel, [
    await buildPackage({
      name: "python",
      version: "3.11.4",
      subdir: platform,
      files: { [`${SITE}/README.txt`]: "" },
    }),
    await buildPackage({ name: "my_wheel", ...noarch, files: { "site-packages/my_wheel/a.py": "conda" } }),
    await buildPackage({
      name: "failing",
      ...noarch,
      depends: ["python", "my_wheel"],
      files: { "bin/.failing-post-link.sh": "exit 1" },
    }),
  ]);
});
afterAll(() => sandbox.close());

/** An environment with My.Wheel 1.0 of pip's, whose list of files has some that are not its own to list. */
async function environment(name: string) {
  const args = ["--override-channels", "-c", channel, "--no-pyc", "-y"];
  expect((await sandbox.taipan("create", "-n", name, ...args, "python")).code).toBe(0);
  const prefix = join(sandbox.root, "envs", name);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(prefix, path)), { recursive: true });
    writeFileSync(join(prefix, path), text);
  };
  const info = `${SITE}/My.Wheel-1.0.dist-info`;
  put(`${SITE}/my_wheel/a.py`, "pip");
  put(`${SITE}/my_wheel/old.py`, "pip");
  put("bin/my,wheel", "pip");
  put(`${info}/METADATA`, "Metadata-Version: 2.1\nName: My.Wheel\nVersion: 1.0\n\n");
  writeFileSync(join(sandbox.dir, "precious"), "mine");
  put(
    `${info}/RECORD`,
    [
      "my_wheel/a.py,sha256=x,3",
      "my_wheel/old.py,,",
      '"../../../bin/my,wheel",,',
      "My.Wheel-1.0.dist-info/METADATA,,",
      "My.Wheel-1.0.dist-info/RECORD,,",
      "README.txt,,",
      "../../../conda-meta/history,,",
      "../../../../../../precious,,",
      `${join(sandbox.dir, "precious")},,`,
    ].join("\r\n"),
  );
  const read = (path: string) =>
    existsSync(join(prefix, path)) ? readFileSync(join(prefix, path), "utf8") : undefined;
  const listed = async () =>
    ((await sandbox.taipan("list", "-n", name, "wheel", "--json")).json() as { channel: string }[]).map(
      (item) => item.channel === "pypi",
    );
  const install = (spec: string, env = {}) =>
    sandbox.taipanWith({ env }, "install", "-n", name, ...args, spec);
  return { info, read, listed, install };
}

const ON = { CONDA_PREFIX_DATA_INTEROPERABILITY: "true" };

it("removes its files, and none that a package, conda or somebody else has", async () => {
  const { info, read, listed, install } = await environment("replaced");
  const result = await install("my_wheel", ON);
  expect(result.code, result.stderr).toBe(0);
  expect(result.stderr).toContain("`my-wheel` 1.0, which pip installed, gives way");
  expect(await listed()).toEqual([false]);
  expect(read(`${SITE}/my_wheel/a.py`)).toBe("conda");
  expect(read(`${SITE}/my_wheel/old.py`)).toBeUndefined();
  expect(read("bin/my,wheel")).toBeUndefined();
  expect(read(info)).toBeUndefined();
  expect(read(`${SITE}/README.txt`)).toBe("");
  expect(read("conda-meta/history")).toContain("my_wheel-2.0");
  expect(readFileSync(join(sandbox.dir, "precious"), "utf8")).toBe("mine");
});

it("brings them back when the change fails", async () => {
  const { info, read, listed, install } = await environment("failed");
  const result = await install("failing", ON);
  expect(result.code).not.toBe(0);
  expect(await listed()).toEqual([true]);
  expect(read(`${SITE}/my_wheel/a.py`)).toBe("pip");
  expect(read(`${SITE}/my_wheel/old.py`)).toBe("pip");
  expect(read(`${info}/RECORD`)).toContain("old.py");
});

it("leaves them where nobody asked for it", async () => {
  const { read, listed, install } = await environment("both");
  expect((await install("my_wheel")).code).toBe(0);
  expect(await listed()).toEqual([true, false]);
  expect(read(`${SITE}/my_wheel/old.py`)).toBe("pip");
});
