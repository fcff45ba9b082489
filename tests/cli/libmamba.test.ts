/** An environment that commands of all kinds changed, held to what libmamba demands of one: `tests/support/libmamba.ts` has the demands. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPackage, type PackageSpec, writeChannel } from "../../fixtures/index.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import {
  libmambaEnvironments,
  libmambaHistory,
  libmambaRecords,
  libmambaUnlink,
  libmambaVariables,
} from "../support/libmamba.ts";

/** What channels have in the place of a value that is not there, or wrote before there were rules. */
const ODD = { license: null, features: [], track_features: null, timestamp: "2020", signatures: {} };
const generic = { noarch: "generic" as const };

const WORLD: PackageSpec[] = [
  { name: "lib", version: "1.0", ...generic, files: { "share/lib/x": "1.0" }, extraIndex: ODD },
  {
    name: "lib",
    version: "1.1",
    ...generic,
    files: { "share/lib/x": "1.1" },
    format: "tar.bz2",
  },
  {
    name: "app",
    version: "2.0",
    ...generic,
    depends: ["lib"],
    files: { "bin/app": "app", "share/both": "a" },
  },
  {
    name: "rival",
    version: "1!3.0_rc1",
    ...generic,
    files: { "share/both": "r", "share/rival/deep/y": "y" },
  },
  { name: "menu", version: "1.0", ...generic, files: { "Menu/menu.json": "{}", "etc/ünï/ö": "ö" } },
];

describe("what libmamba reads of an environment", { shuffle: false }, () => {
  let sandbox: Sandbox;
  let prefix: string;
  let channel: string;
  const taipan = async (...words: string[]): Promise<void> => {
    const { code, stderr } = await sandbox.taipan(...words, "-y", "-p", prefix);
    expect(code, stderr).toBe(0);
  };
  const fromChannel = (): string[] => ["--override-channels", "-c", pathToFileURL(channel).href];
  const names = (): string[] => [...libmambaRecords(prefix).keys()].sort();

  beforeAll(async () => {
    sandbox = createSandbox();
    prefix = join(sandbox.root, "envs", "mine");
    channel = join(sandbox.dir, "channel");
    await writeChannel(channel, await Promise.all(WORLD.map(buildPackage)), { subdirs: ["linux-64"] });
  });
  afterAll(() => sandbox.close());

  test("a new environment: records, the request in every spelling, its registration", async () => {
    const specs = ["lib=1.0", 'app[version=">=1,<3"]', "rival[version='1!3.*', build=\"0\"]"];
    await taipan("create", ...fromChannel(), ...specs);
    expect(names()).toEqual(["app", "lib", "rival"]);
    const [first] = libmambaHistory(prefix);
    expect(first!.linked.sort()).toEqual(["app-2.0-0", "lib-1.0-0", "rival-1!3.0_rc1-0"]);
    // The quotes of the request, one kind of them where there were two.
    const written = ["lib=1.0", 'app[version=">=1,<3"]', "rival[version='1!3.*', build='0']"];
    expect(first!.update.sort()).toEqual(written.sort());
    expect(libmambaEnvironments(join(sandbox.home, ".conda", "environments.txt"))).toEqual([prefix]);
  });

  test("after an update, an installation from a file of another name, and a removal", async () => {
    await taipan("update", ...fromChannel(), "lib");
    const renamed = join(sandbox.dir, "other-9-9.conda");
    copyFileSync(join(channel, "noarch", "menu-1.0-0.conda"), renamed);
    await taipan("install", renamed);
    expect(libmambaRecords(prefix).get("menu")).toMatchObject({
      fn: "menu-1.0-0.conda",
      url: pathToFileURL(renamed).href,
    });
    await taipan("remove", "rival");
    expect(names()).toEqual(["app", "lib", "menu"]);
    const [, update, install, remove] = libmambaHistory(prefix);
    expect(update).toMatchObject({ linked: ["lib-1.1-0"], unlinked: ["lib-1.0-0"] });
    expect(install).toMatchObject({ linked: ["menu-1.0-0"], update: ["menu==1.0=0"] });
    expect(remove).toMatchObject({ unlinked: ["rival-1!3.0_rc1-0"], remove: ["rival"] });
    const before = readdirSync(join(prefix, "conda-meta"));
    await taipan("install", renamed);
    expect(readdirSync(join(prefix, "conda-meta"))).toEqual(before);
    expect(libmambaHistory(prefix)).toHaveLength(4);
  });

  test("variables, which other programs may have written before", async () => {
    writeFileSync(join(prefix, "conda-meta", "state"), '{"env_vars": {"A": 1, "B": null}, "other": [2]}');
    const { code } = await sandbox.taipan("env", "config", "vars", "set", "-p", prefix, "C=d = e");
    expect(code).toBe(0);
    expect(libmambaVariables(prefix)).toEqual({ A: "1", B: "null", C: "d = e" });
    expect(JSON.parse(readFileSync(join(prefix, "conda-meta", "state"), "utf8"))).toHaveProperty("other");
  });

  test("it unlinks every file of every package, and the prefix is still ours", async () => {
    for (const name of ["menu", "app"]) libmambaUnlink(prefix, name);
    const left = await sandbox.taipan("list", "-p", prefix, "--json");
    expect(left.json<{ name: string }[]>().map(({ name }) => name)).toEqual(["lib"]);
    libmambaUnlink(prefix, "lib");
    expect(readdirSync(prefix)).toEqual(["conda-meta"]);
    expect(readdirSync(join(prefix, "conda-meta")).sort()).toEqual(["history", "state"]);
    await taipan("install", ...fromChannel(), "app");
    expect(names()).toEqual(["app", "lib"]);
  });

  test("an environment that is cloned, renamed, and rolled back", async () => {
    const twin = join(sandbox.root, "envs", "twin");
    expect((await sandbox.taipan("create", "-y", "-n", "twin", "--clone", prefix)).code).toBe(0);
    expect((await sandbox.taipan("rename", "-y", "-n", "twin", "other")).code).toBe(0);
    prefix = twin.replace(/twin$/, "other");
    await taipan("install", ...fromChannel(), "lib=1.0");
    await taipan("install", ...fromChannel(), "--revision", "0");
    expect(names()).toEqual(["app", "lib"]);
    expect(libmambaHistory(prefix).at(-1)).toMatchObject({ linked: ["lib-1.1-0"], unlinked: ["lib-1.0-0"] });
    expect(libmambaEnvironments(join(sandbox.home, ".conda", "environments.txt"))).toContain(prefix);
  });
});
