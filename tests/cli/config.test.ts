import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { runAs } from "../support/names.ts";

let sandbox: Sandbox;
let rc: string;

beforeEach(() => {
  sandbox = createSandbox();
  rc = join(sandbox.home, ".condarc");
});
afterEach(() => sandbox.close());

const read = () => readFileSync(rc, "utf8");

describe("micromamba's commands", () => {
  it("says that nothing is set; a key that is asked for is shown all the same", async () => {
    const list = await sandbox.taipan("config", "list", "--no-env");
    expect([list.code, list.stdout]).toEqual([0, ""]);
    expect(list.stderr).toBe("Nothing is set; --all shows the defaults, too.\n");
    const one = await sandbox.taipan("config", "list", "channels", "--no-env");
    expect([one.stdout, one.stderr]).toEqual(["channels:\n  - conda-forge\n", ""]);
  });

  it("sets, appends, prepends, gets and removes, keeping comments and the file's mode", async () => {
    writeFileSync(rc, "# mine\nchannels:\n  - conda-forge # first\n", { mode: 0o600 });
    for (const words of [
      ["set", "channel_priority", "strict"],
      ["append", "channels", "bioconda", "channels", "last"],
      ["prepend", "channels", "own"],
      ["set", "custom_channels.lab", "https://lab.example/conda"],
    ]) {
      const result = await sandbox.taipan("config", ...words);
      expect([result.code, result.stdout, result.stderr]).toEqual([0, "", ""]);
    }
    expect(read()).toBe(
      "# mine\nchannels:\n  - own\n  - conda-forge # first\n  - bioconda\n  - last\nchannel_priority: strict\ncustom_channels:\n  lab: https://lab.example/conda\n",
    );
    expect(statSync(rc).mode & 0o777).toBe(0o600);
    expect((await sandbox.taipan("config", "get", "channel_priority")).stdout).toBe(
      "channel_priority: strict\n",
    );
    expect((await sandbox.taipan("config", "get", "channels", "--json")).json()).toEqual({
      channels: ["own", "conda-forge", "bioconda", "last"],
    });
    await sandbox.taipan("config", "remove", "channels", "own");
    await sandbox.taipan("config", "remove-key", "channel_priority");
    const gone = await sandbox.taipan("config", "remove-key", "channel_priority");
    expect([gone.code, gone.stdout]).toEqual([0, "Key is not present in file\n"]);
    expect(read()).not.toContain("own");
    expect(read()).not.toContain("channel_priority");
  });

  it("lists values with their sources, and the sources", async () => {
    writeFileSync(rc, "channels: [a, b]\nremote_max_retries: 7\n");
    const env = { CONDA_CHANNEL_PRIORITY: "strict" };
    const list = await sandbox.taipanWith({ env }, "config", "list", "-s");
    expect(list.stdout).toContain("  - a  # '~/.condarc'\n");
    expect(list.stdout).toContain("channel_priority: strict  # 'CONDA_CHANNEL_PRIORITY'\n");
    const document = (
      await sandbox.taipanWith({ env }, "config", "--json", "list", "channels", "pkgs_dirs")
    ).json();
    expect(document).toMatchObject({
      channels: ["a", "b"],
      pkgs_dirs: [join(sandbox.root, "pkgs"), expect.any(String)],
    });
    expect((await sandbox.taipan("config", "sources")).stdout).toBe(
      "Configuration files (by precedence order):\n~/.condarc\n",
    );
    expect((await sandbox.taipan("config", "sources", "--no-rc")).stdout).toContain("disabled by --no-rc");
  });

  it("describes keys, and knows the one that was meant", async () => {
    const text = await sandbox.taipan("config", "describe", "channel_priority", "-l");
    expect((await sandbox.taipan("config", "describe", "channel_priority")).stdout).toBe(text.stdout);
    expect(text.stdout).toContain("strict: packages of a lower channel");
    const json = (await sandbox.taipan("config", "describe", "rollback_enabled", "--json")).json<
      { description: string }[]
    >();
    expect(json[0]?.description).toContain("Without effect");
    const misspelt = await sandbox.taipan("config", "set", "chanel_priority", "strict");
    expect(misspelt.code).toBe(1);
    expect(misspelt.stderr).toContain("did you mean `channel_priority`?");
    expect(existsSync(rc)).toBe(false);
  });

  it("writes to the file of the root prefix, of the environment, or any other, and to one only", async () => {
    mkdirSync(join(sandbox.root), { recursive: true });
    await sandbox.taipan("config", "set", "offline", "true", "--system");
    expect(readFileSync(join(sandbox.root, ".condarc"), "utf8")).toBe("offline: true\n");
    const active = join(sandbox.dir, "active");
    mkdirSync(active);
    await sandbox.taipanWith({ env: { CONDA_PREFIX: active } }, "config", "set", "offline", "true", "--env");
    expect(readFileSync(join(active, ".condarc"), "utf8")).toBe("offline: true\n");
    await sandbox.taipan("config", "append", "channels", "x", "--file", "some.yml");
    expect(readFileSync(join(sandbox.dir, "some.yml"), "utf8")).toBe("channels:\n  - x\n");
    const both = await sandbox.taipan("config", "set", "offline", "true", "--env", "--system");
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("exclude each other")]);
  });

  it("repairs a file whose values are wrong, and names the line of one that is no YAML", async () => {
    writeFileSync(rc, "channel_priority: bogus\nquiet: 12 eggs\n");
    expect((await sandbox.taipan("env", "list")).code).toBe(1);
    expect((await sandbox.taipan("config", "set", "channel_priority", "flexible")).code).toBe(0);
    expect((await sandbox.taipan("config", "--remove-key", "quiet")).code).toBe(0);
    expect((await sandbox.taipan("env", "list")).code).toBe(0);
    writeFileSync(rc, "channels:\n - a\n  b: [\n");
    const broken = await sandbox.taipan("config", "set", "offline", "true");
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain(rc);
    expect(broken.stderr).toMatch(/line \d, column \d/);
    expect(read()).toBe("channels:\n - a\n  b: [\n");
  });

  it("names the key that may be meant, where it prints that there is none of that name", async () => {
    writeFileSync(rc, "channels: [a]\n");
    const got = await sandbox.taipan("config", "get", "chanels");
    expect([got.code, got.stdout]).toEqual([0, "Key is not present in file\n"]);
    expect(got.stderr).toMatch(/unknown configuration key `chanels`[\s\S]*`channels`/);
    expect((await sandbox.taipan("config", "get", "pip_interop_enabled")).stderr).toBe("");
    const asConda = await sandbox.taipan("config", "--get", "chanels");
    expect(asConda).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "Unknown key: 'chanels'; did you mean 'channels'?\n",
    });
    expect((await sandbox.taipan("config", "--get", "chanels", "--json")).json()).toMatchObject({
      get: {},
      warnings: ["Unknown key: 'chanels'"],
    });
  });

  it("says what is wrong with the words", async () => {
    for (const [words, said] of [
      [["set", "offline"], "`config set KEY VALUE` was given `offline`"],
      [["append", "channels"], "KEY VALUE"],
      [["set", "channels", "x"], "`channels` holds several values"],
      [["append", "offline", "true"], "is not a list"],
      [["set", "remote_max_retries", "many"], "remote_max_retries"],
      [["nonsense"], "has no command `nonsense`"],
    ] as const) {
      const result = await sandbox.taipan("config", ...words);
      expect(result.code).toBeGreaterThan(0);
      expect(result.stderr).toContain(said);
    }
    // micromamba answers so, and with 0.
    const peer = await runAs(sandbox, "micromamba", ["config", "set", "offline"]);
    expect([peer.code, peer.stdout]).toEqual([0, "Key is invalid or more than one key was received\n"]);
  });
});

describe("conda's options", () => {
  it("sets, adds, appends and removes several at once", async () => {
    const result = await sandbox.taipan(
      ..."config --set always_yes yes --set changeps1 no --add channels a --add channels b --append channels z".split(
        " ",
      ),
    );
    expect([result.code, result.stderr]).toEqual([0, ""]);
    expect(read()).toContain("channels:\n  - b\n  - a\n  - z\n");
    expect(read()).toContain("always_yes: true\n");
    expect(read()).toContain("changeps1: false\n");
    await sandbox.taipan(..."config --remove channels z --remove-key always_yes".split(" "));
    expect(read()).not.toContain("always_yes");
    expect(read()).not.toContain("z");
  });

  it("changes nothing when one of several edits is wrong", async () => {
    const result = await sandbox.taipan(
      ..."config --set offline true --set channel_priority sideways".split(" "),
    );
    expect(result.code).toBe(1);
    expect(existsSync(rc)).toBe(false);
    const missing = await sandbox.taipan(..."config --remove channels nope".split(" "));
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("'nope'")]);
  });

  it("shows in conda's shapes", async () => {
    writeFileSync(rc, "channels: [a, b]\nchannel_priority: strict\nauto_activate_base: false\n");
    expect((await sandbox.taipan("config", "--get", "channels", "channel_priority")).stdout).toBe(
      "--add channels 'b'   # lowest priority\n--add channels 'a'   # highest priority\n--set channel_priority strict\n",
    );
    // Snakemake reads this.
    expect((await sandbox.taipan("config", "--get", "channel_priority", "--json")).json()).toEqual({
      get: { channel_priority: "strict" },
      rc_path: rc,
      success: true,
      warnings: [],
    });
    expect((await sandbox.taipan("config", "--show", "channels")).stdout).toBe("channels:\n  - a\n  - b\n");
    expect((await sandbox.taipan("config", "--show", "--json")).json()).toMatchObject({
      channels: ["a", "b"],
      offline: false,
    });
    expect((await sandbox.taipan("config", "--show-sources")).stdout).toContain(`==> ${rc} <==\n`);
    expect((await sandbox.taipan("config", "--describe", "channels")).stdout).toContain(
      "# # channels (sequence: primitive)\n# #   aliases: channel\n# #   env var string delimiter: ','\n# #   The list of",
    );
    const described = await sandbox.taipan("config", "--describe", "channel_priority", "--json");
    expect(described.json<Record<string, unknown>[]>()).toEqual([
      {
        aliases: [],
        default_value: "flexible",
        description: expect.stringMatching(/^strict: .*false means disabled\.$/),
        element_types: ["ChannelPriority", "ChannelPriority", "ChannelPriority"],
        name: "channel_priority",
        parameter_type: "primitive",
      },
    ]);
    const all = (await sandbox.taipan("config", "--describe")).stdout;
    expect(all).toMatch(/^# #{54}\n# ## {20,25}Channels {20,25}##\n# #{54}\n\n# # \w+ \(/);
    expect(all).toContain("# # channel_priority (ChannelPriority)\n");
    expect((await sandbox.taipan("config", "--validate")).code).toBe(0);
    const unknown = await sandbox.taipan("config", "--show", "chanels");
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("`channels`")]);
  });
});

it("lists settings of single channels as they are written, but for secrets", async () => {
  writeFileSync(rc, "channel_settings:\n  - channel: x\n    auth: y\n    token: secret\n  - channel: z\n");
  const { stdout } = await sandbox.taipan("config", "list", "channel_settings");
  expect(stdout).toBe('channel_settings:\n  - channel: x\n    auth: y\n    token: "*****"\n  - channel: z\n');
});

it("hides secrets of single channels in every form, whatever they look like", async () => {
  const settings = `
  - {channel: x, auth: token, token: 1234567}
  - {channel: z, auth: http-basic, username: u, password: "1234567://x"}
`;
  writeFileSync(rc, `channel_settings:${settings}custom_channels: {token: "https://shown.example/c"}\n`);
  for (const words of [
    ["list", "channel_settings"],
    ["list", "channel_settings", "--json"],
    ["get", "channel_settings"],
    ["get", "channel_settings", "--json"],
    ["--show", "channel_settings"],
    ["--get", "channel_settings"],
    ["--get", "channel_settings", "--json"],
    ["--show-sources"],
  ]) {
    const { code, stdout } = await sandbox.taipan("config", ...words);
    expect([words, code, stdout]).toEqual([words, 0, expect.stringMatching(/\*{5}[\s\S]*\*{5}/)]);
    expect(stdout).not.toContain("1234567");
  }
  expect((await sandbox.taipan("config", "get", "custom_channels")).stdout).toContain("shown.example");
});

it("hides secrets wherever configuration is shown", async () => {
  const secret = "s3cr3t-token";
  writeFileSync(
    rc,
    `channels:\n  - https://user:${secret}@h.example/c\n  - https://h.example/t/${secret}/c\nproxy_servers:\n  https: http://u:${secret}@proxy:1\n`,
  );
  for (const words of [
    ["list"],
    ["list", "--json"],
    ["list", "-a", "-s"],
    ["--show"],
    ["--show", "--json"],
    ["--show-sources"],
    ["--show-sources", "--json"],
    ["--get"],
    ["--get", "--json"],
    ["get", "channels"],
    ["get", "channels", "--json"],
  ]) {
    const result = await sandbox.taipan("config", ...words);
    expect(result.code).toBe(0);
    expect(result.stdout + result.stderr, words.join(" ")).not.toContain(secret);
    expect(result.stdout).toContain("h.example");
  }
});

it("prints the last messages before an error where log_backtrace asks for them", async () => {
  const words = ["create", "-n", "x", "--override-channels", "-c", join(sandbox.home, "none"), "a", "-q"];
  const plain = await sandbox.taipan(...words);
  expect(plain.stderr).toMatch(/^error: /);
  writeFileSync(rc, "log_backtrace: 1\n");
  const { stderr } = await sandbox.taipan(...words);
  const [last, ...error] = stderr.split("\n");
  expect(last).toMatch(/none\/[\w-]+\s+not there$/);
  expect(error.join("\n")).toBe(plain.stderr);
});
