/** What micromamba's users and scripts meet beside the rules of peer-rules.test.ts: its `config`, its log, rare options. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { writeWorld } from "../support/cli-world.ts";
import { runAs } from "../support/names.ts";

let sandbox: Sandbox;
let channel: string;

beforeAll(async () => {
  sandbox = createSandbox();
  channel = (await writeWorld(join(sandbox.dir, "channel"))).url;
});
afterAll(() => sandbox.close());

const micromamba = (args: readonly string[], env: Record<string, string> = {}) =>
  runAs(sandbox, "micromamba", args, env);

describe("config", () => {
  it("takes several values in one word, in their order", async () => {
    const file = join(sandbox.dir, "rc.yml");
    const edit = (...words: string[]) => micromamba(["config", ...words, "--file", file]);
    expect((await edit("append", "channels", "b,c", "default_channels", "x,y")).code).toBe(0);
    expect((await edit("prepend", "channels", "z,a", "pinned_packages", "n >=1,<2")).code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(
      "channels:\n  - z\n  - a\n  - b\n  - c\ndefault_channels:\n  - x\n  - y\npinned_packages:\n  - n >=1,<2\n",
    );
  });

  it("says by itself which files there are, to conda that it was told nothing", async () => {
    const alone = await micromamba(["config"]);
    expect(alone).toMatchObject({ code: 0, stderr: "" });
    expect(alone.stdout).toMatch(/^Configuration of micromamba\n\nConfiguration files/);
    expect((await micromamba(["config", "--quiet"])).stdout).toBe("");
    const conda = await runAs(sandbox, "conda", ["config"]);
    expect(conda.code).toBe(2);
  });
});

it("`nodefaults` on the command line shuts configured channels out; in the configuration it says nothing", async () => {
  const rc = join(sandbox.dir, "nodefaults.yml");
  writeFileSync(rc, "channels: [configured, nodefaults]\n");
  const channels = async (...named: string[]) => {
    const args = ["create", "-n", "shut", "x", "--rc-file", rc, ...named, "--print-config-only"];
    return /^channels:.*\n((?: {2}- .*\n)*)/m.exec((await micromamba(args)).stdout)?.[1]?.match(/\w+/g);
  };
  expect(await channels("-c", "named")).toEqual(["named", "configured"]);
  expect(await channels("-c", "first", "-c", "nodefaults", "-c", "third")).toEqual(["first", "third"]);
});

it("-vv tells of the program and its files, -vvv of each value, both on standard error", async () => {
  const env = { MAMBA_CHANNEL_ALIAS: "https://user:secret@host" };
  const [plain, debug, trace] = await Promise.all(
    [[], ["-vv"], ["--log-level=trace", "--json"]].map((more) => micromamba(["info", ...more], env)),
  );
  expect(plain?.stderr).toBe("");
  expect(debug?.stderr).toContain("debug: configuration files: ");
  expect(debug?.stderr).not.toContain("trace");
  expect(trace?.stderr).toContain("trace: channel_alias: https://user:*****@host  # 'MAMBA_CHANNEL_ALIAS'");
  expect(JSON.parse(trace?.stdout ?? "")).toHaveProperty("platform");
});

it("the channel of a package that is named by URL does not depend on the cache", async () => {
  const url = `${channel}/linux-64`;
  const make = async (name: string, what: string[]) => {
    const args = [
      "create",
      "-n",
      name,
      "--json",
      "--channel-alias",
      channel.replace(/\/[^/]*$/, ""),
      ...what,
    ];
    return JSON.parse((await micromamba(args)).stdout).actions.LINK;
  };
  const [named] = await make("by-name", ["-c", channel, "--override-channels", "libx=1.0"]);
  expect(named.name).toBe("libx");
  const [cached] = await make("by-url", [`${url}/${named.fn}`, "--override-channels"]);
  expect(cached.channel).toBe(channel);
});

describe("options that change nothing", () => {
  it("search --remote and --spec", async () => {
    const found = await micromamba([
      "search",
      "--remote",
      "--spec",
      "libx=1.0",
      "-c",
      channel,
      "--override-channels",
    ]);
    expect(found.code, found.stderr).toBe(0);
    expect(found.stdout).toContain("libx");
    const unknown = await micromamba(["search", "-u", "libx"]);
    expect(unknown.stderr).toContain("`--unknown` is not built");
  });

  it("run --relocate-prefix says so; self-update has one answer to every option", async () => {
    const prefix = join(sandbox.dir, "run");
    expect((await micromamba(["create", "-p", prefix, "-y", "--offline"])).code).toBe(0);
    const ran = await micromamba(["run", "-p", prefix, "--relocate-prefix", "/x", "echo", "hello"]);
    expect(ran).toMatchObject({ code: 0, stdout: "hello\n" });
    expect(ran.stderr).toContain("`--relocate-prefix` has no effect");
    const update = await micromamba(["self-update", "-c", "conda-forge", "--no-pyc"]);
    expect(update.code).toBe(2);
    expect(update.stderr).toContain("does not update itself");
  });
});

describe("shell", () => {
  it("init tells on standard output what it did, and leaves a root prefix that can be listed", async () => {
    const root = join(sandbox.dir, "fresh-root");
    const init = await micromamba(["shell", "init", "-s", "bash", "-r", root]);
    expect(init.stdout).toContain(`created   ${join(root, "etc/profile.d/mamba.sh")}`);
    expect((await micromamba(["shell", "init", "-s", "bash", "-r", root])).stdout).toBe(
      "Nothing to change.\n",
    );
    expect((await micromamba(["list", "-p", root, "--json"])).stdout).toBe("[]\n");
  });

  it("hook has nothing to say to cmd.exe", async () => {
    expect(await micromamba(["shell", "hook", "-s", "cmd.exe"])).toMatchObject({ code: 0, stdout: "" });
  });
});

describe("list", () => {
  it("--revisions has its signs at the start of a line", async () => {
    const prefix = join(sandbox.dir, "revised");
    const made = ["create", "-p", prefix, "-y", "-c", channel, "--override-channels", "libx=1.0"];
    expect((await micromamba(made)).code).toBe(0);
    expect((await micromamba(["list", "-p", prefix, "--revisions"])).stdout).toMatch(
      /\(rev 0\)\n\+\S+libx-1\.0/,
    );
    expect((await sandbox.taipan("list", "-p", prefix, "--revisions")).stdout).toMatch(
      /\n {4}\+\S+libx-1\.0/,
    );
    const both = await micromamba(["list", "-p", prefix, "--explicit", "--md5", "--sha256"]);
    expect(both.code).toBe(2);
    expect(both.stderr).toContain("only one of --md5 and --sha256");
  });
});
