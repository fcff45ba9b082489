import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ConfigInput, loadConfig } from "../../src/config/config.ts";
import { FOREIGN_KEYS, findKey, KEY_NAMES, KEYS } from "../../src/config/keys.ts";

function home(files: Record<string, string> = {}): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "taipan-home-")));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

const load = (dir: string, extra: Partial<ConfigInput> = {}) =>
  loadConfig({ env: {}, home: dir, cwd: dir, platform: "linux-64", ...extra });

describe("loadConfig", () => {
  it("has typed defaults that follow the root prefix", () => {
    const dir = home();
    const { values, origin } = load(dir, { env: { MAMBA_ROOT_PREFIX: "~/root" } });
    expect(values.rootPrefix).toBe(join(dir, "root"));
    expect(values.envsDirs).toEqual([join(dir, "root/envs")]);
    expect(values.pkgsDirs).toEqual([join(dir, "root/pkgs"), join(dir, ".mamba/pkgs")]);
    expect(values.channels).toEqual(["conda-forge"]);
    expect(values.platform).toBe("linux-64");
    expect(origin("root_prefix")).toBe("MAMBA_ROOT_PREFIX");
    expect(origin("channels")).toBe("default");
    expect(load(dir).values.rootPrefix).toBe(join(dir, ".local/share/mamba"));
    expect(load(dir, { env: { XDG_DATA_HOME: "/data" } }).values.rootPrefix).toBe("/data/mamba");
    const windows = { platform: "win-64", env: { APPDATA: "C:\\U\\AppData\\Roaming" } };
    expect(load(dir, windows).values.rootPrefix).toBe("C:\\U\\AppData\\Roaming\\mamba");
    expect(load(home({ "micromamba/conda-meta/history": "" })).values.rootPrefix).toMatch(/\/micromamba$/);
  });

  it("ranks sources: defaults, files, variables, command line", () => {
    const dir = home({
      ".condarc": "channel_priority: strict\nremote_max_retries: 7\n",
      ".mambarc": "offline: true\n",
    });
    const env = { CONDA_REMOTE_MAX_RETRIES: "8", MAMBA_OFFLINE: "no", TAIPAN_CHANNEL_PRIORITY: "disabled" };
    const config = load(dir, { env, overrides: { remoteMaxRetries: 9, alwaysYes: undefined } });
    expect(config.values).toMatchObject({
      channelPriority: "disabled",
      remoteMaxRetries: 9,
      offline: false,
      alwaysYes: false,
    });
    expect(config.detail("remote_max_retries")?.origins).toEqual([
      "CLI",
      "CONDA_REMOTE_MAX_RETRIES",
      join(dir, ".condarc"),
    ]);
    expect(config.sources).toEqual([join(dir, ".mambarc"), join(dir, ".condarc")]);
  });

  it("prefers TAIPAN_ to MAMBA_ to CONDA_ variables", () => {
    const env = {
      CONDA_CHANNEL_ALIAS: "https://c",
      MAMBA_CHANNEL_ALIAS: "https://m",
      TAIPAN_CHANNEL_ALIAS: "https://t",
    };
    const dir = home();
    expect(load(dir, { env }).values.channelAlias).toBe("https://t");
    expect(load(dir, { env, dialect: "micromamba" }).values.channelAlias).toBe("https://m");
    expect(
      load(dir, { env: { CONDA_CHANNEL_ALIAS: "https://c" }, dialect: "micromamba" }).origin("channel_alias"),
    ).toBe("default");
    expect(load(dir, { env, noEnv: true }).origin("channel_alias")).toBe("default");
  });

  it("reads condarc.d, $CONDARC and the target prefix, the later ones winning", () => {
    const dir = home({
      ".config/conda/condarc.d/20.yml": "json: true\nquiet: true\n",
      ".config/conda/condarc.d/10.yaml": "json: false\n",
      ".config/conda/condarc.d/README.txt": "not: read\n",
      "elsewhere.yml": "quiet: false\nchannels: [e]\n",
      "env/.condarc": "channels: [t]\n",
    });
    const config = load(dir, {
      env: { CONDARC: join(dir, "elsewhere.yml") },
      targetPrefix: join(dir, "env"),
    });
    expect(config.values).toMatchObject({ json: true, quiet: false, channels: ["t", "e"] });
    expect(config.warnings).toEqual([]);
  });

  it("reads only --rc-file, the first winning, and nothing with --no-rc", () => {
    const dir = home({
      ".condarc": "channels: [a]\n",
      "x.yml": "channels: [x]\njson: true\n",
      "y.yml": "channels: [y]\njson: false\n",
    });
    const config = load(dir, { rcFiles: [join(dir, "x.yml"), "~/y.yml"] });
    expect(config.values).toMatchObject({ channels: ["x", "y"], json: true });
    expect(load(dir, { noRc: true }).values.channels).toEqual(["conda-forge"]);
    expect(() => load(dir, { noRc: true, rcFiles: ["x"] })).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
    expect(() => load(dir, { rcFiles: ["nope.yml"] })).toThrow(/nope\.yml` does not exist/);
  });

  it("honours #!final, #!top and #!bottom", () => {
    const dir = home({
      ".config/conda/.condarc":
        "custom_channels:  #!final\n  a: https://one\nchannels:\n  - low  #!top\n  - last  #!bottom\n",
      ".condarc": "custom_channels: {a: https://two}\nchannels:\n- mid\njson: true #!final\n",
    });
    const env = { CONDA_CHANNELS: "env1,env2", CONDA_JSON: "false" };
    const { values, detail } = load(dir, { env, overrides: { channels: ["cli"] } });
    expect(values.customChannels).toEqual({ a: "https://one" });
    expect(values.channels).toEqual(["low", "cli", "env1", "env2", "mid", "last"]);
    expect(detail("channels")?.parts?.["2"]).toBe("CONDA_CHANNELS");
    expect(values.json).toBe(true);
    // Marked as last, it stays last although a higher source names it.
    const again = load(dir, { env, overrides: { channels: ["last", "cli"] } }).values.channels;
    expect(again).toEqual(["low", "cli", "env1", "env2", "mid", "last"]);
  });

  it("joins maps by entry like conda, and takes the highest like micromamba", () => {
    const files = {
      ".config/conda/.condarc": "custom_channels: {a: '1', b: '1'}\n",
      ".condarc": "custom_channels: {b: '2'}\n",
    };
    expect(load(home(files)).values.customChannels).toEqual({ a: "1", b: "2" });
    expect(load(home(files), { dialect: "micromamba" }).values.customChannels).toEqual({ b: "2" });
  });

  it("lets --override-channels shut out every other list", () => {
    const dir = home({ ".condarc": "channels: [a]\n" });
    const given = load(dir, {
      env: { CONDA_CHANNELS: "e" },
      overrides: { channels: ["c"], overrideChannels: true },
    });
    expect(given.values.channels).toEqual(["c"]);
  });

  it("accepts aliases and the old booleans of channel_priority", () => {
    const { values, warnings } = load(
      home({
        ".condarc": "channel: [a]\nverify_ssl: false\nyes: on\nsubdir: osx-64\nchannel_priority: true\n",
      }),
    );
    expect(values).toMatchObject({
      channels: ["a"],
      sslVerify: false,
      alwaysYes: true,
      platform: "osx-64",
      channelPriority: "flexible",
    });
    expect(warnings).toEqual([]);
    expect(load(home({ ".condarc": "channel_priority: false" })).values.channelPriority).toBe("disabled");
  });

  it("warns about unknown keys with the nearest name, but not about conda's own", () => {
    const dir = home({
      ".condarc": "chanel_priority: strict\nanaconda_upload: false\nxyzzy: 1\nroot_prefix: /r\n",
    });
    expect(load(dir).warnings).toEqual([
      {
        code: "config-unknown-key",
        message: `unknown configuration key \`chanel_priority\` in \`${dir}/.condarc\` line 1`,
        hint: "did you mean `channel_priority`?",
      },
      {
        code: "config-unknown-key",
        message: `unknown configuration key \`xyzzy\` in \`${dir}/.condarc\` line 3`,
        hint: undefined,
      },
      {
        code: "config-unknown-key",
        message: `configuration key \`root_prefix\` in \`${dir}/.condarc\` line 4 cannot be set in a file`,
      },
    ]);
  });

  it("warns about a key without effect that asks for something else than there is", () => {
    const dir = home({ ".condarc": "use_lockfiles: false\nrollback_enabled: false\n" });
    expect(load(dir).warnings).toEqual([
      {
        code: "config-no-effect",
        message: expect.stringMatching(
          /^configuration key `rollback_enabled` of `.*\.condarc` has no effect: .*at all/,
        ),
      },
    ]);
  });

  it("warns about keys of conda's own that would change what is installed, where they do", () => {
    const dir = home({
      ".condarc":
        "update_modifier: freeze_installed\nignore_pinned: false\ndeps_modifier: not_set\nsolver: classic\n",
    });
    expect(load(dir).warnings).toEqual([
      {
        code: "config-no-effect",
        message: expect.stringMatching(
          /^configuration key `update_modifier` of `.*\.condarc` has no effect: --freeze/,
        ),
      },
    ]);
  });

  it("gives indexes of shards the time of other repodata, where nobody says otherwise", () => {
    expect(load(home({ ".condarc": "local_repodata_ttl: 60" })).values.repodataShardsTtl).toBe(60);
    const both = home({ ".condarc": "local_repodata_ttl: 60\nrepodata_shards_ttl: 0" });
    expect(load(both).values.repodataShardsTtl).toBe(0);
  });

  it("refuses a file that is no YAML; micromamba's dialect goes on without it, with a warning", () => {
    const dir = home({
      ".condarc": "channels:\n    - a\n   - b\n",
      ".mambarc": "channel_alias: https://m\n",
    });
    expect(() => load(dir)).toThrow(expect.objectContaining({ code: "config-invalid" }));
    const lenient = load(dir, { dialect: "mamba" });
    expect(lenient.values.channelAlias).toBe("https://m");
    expect(lenient.warnings).toEqual([
      {
        code: "config-invalid",
        message: expect.stringMatching(/\.condarc` is no valid YAML: .*the file is ignored$/),
      },
    ]);
  });

  it("names file, line and reason of a wrong value; micromamba's dialect goes on", () => {
    const dir = home({ ".condarc": "json: true\nchannel_priority: sometimes\n" });
    expect(() => load(dir)).toThrow(
      `\`channel_priority\` in \`${dir}/.condarc\` line 2 is not one of strict, flexible, disabled`,
    );
    const lenient = load(dir, { dialect: "micromamba" });
    expect(lenient.values.channelPriority).toBe("flexible");
    expect(lenient.warnings[0]?.code).toBe("config-invalid");
    expect(() => load(home(), { env: { CONDA_OFFLINE: "perhaps" } })).toThrow(
      /CONDA_OFFLINE` is not true or false/,
    );
  });

  it("names line and column of broken YAML and refuses a file that is no map", () => {
    expect(() => load(home({ ".condarc": "channels: [a\nb: c\n" }))).toThrow(
      /\.condarc` is no valid YAML: .*line \d+, column \d+/,
    );
    expect(() => load(home({ ".condarc": "- a\n" }))).toThrow(/does not hold a map/);
  });

  it("refuses a YAML bomb quickly", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[..."bcdefghij"].map((c, i) => `${c}: &${c} [${Array(9).fill(`*${"abcdefghi"[i]}`).join(",")}]`).join("\n")}\n`;
    expect(() => load(home({ ".condarc": bomb }))).toThrow(
      expect.objectContaining({ code: "config-invalid" }),
    );
  });

  it("expands variables after parsing, so that they cannot become YAML", () => {
    const dir = home({
      ".condarc": "channels: ['$EVIL', '${TOK}/x', $none, a$]\nenvs_dirs: [~/e, $HOME_DIR/f, rel]\n",
    });
    const env = { EVIL: "a, b]\noffline: true", TOK: "t", HOME_DIR: "/h" };
    const { values } = load(dir, { env, noEnv: true });
    expect(values.channels).toEqual(["a, b]\noffline: true", "t/x", "$none", "a$"]);
    expect(values.offline).toBe(false);
    expect(values.envsDirs.slice(0, 3)).toEqual([join(dir, "e"), "/h/f", join(dir, "rel")]);
  });

  it("keeps a prompt that looks like YAML, and splits lists by their own separators", () => {
    const env = {
      CONDA_ENV_PROMPT: "[{name}] ",
      CONDA_PINNED_PACKAGES: "a>=1,<2&b",
      CONDA_ENVS_PATH: "/a:/b",
      CONDA_PKGS_DIRS: "/p1,/p2",
    };
    const { values } = load(home(), { env });
    expect(values).toMatchObject({
      envPrompt: "[{name}]",
      pinnedPackages: ["a>=1,<2", "b"],
      pkgsDirs: ["/p1", "/p2"],
    });
    expect(values.envsDirs.slice(0, 2)).toEqual(["/a", "/b"]);
  });

  it("takes 1 and 0 in variables for true and false, but not by micromamba's name", () => {
    const env = { MAMBA_ALWAYS_YES: "1", MAMBA_OFFLINE: "0" };
    expect(load(home(), { env }).values).toMatchObject({ alwaysYes: true, offline: false });
    expect(() => load(home(), { env, dialect: "micromamba" })).toThrow(/`MAMBA_(ALWAYS_YES|OFFLINE)`/);
    const words = { MAMBA_ALWAYS_YES: "true", MAMBA_OFFLINE: "no" };
    expect(load(home(), { env: words, dialect: "micromamba" }).values).toMatchObject({
      alwaysYes: true,
      offline: false,
    });
  });

  it("throws nothing but config-invalid, whatever a file holds", () => {
    const dir = home();
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.dictionary(fc.constantFrom(...KEY_NAMES), fc.jsonValue()).map((value) => JSON.stringify(value)),
        ),
        (text) => {
          writeFileSync(join(dir, ".condarc"), text);
          try {
            load(dir);
          } catch (error) {
            expect(error).toMatchObject({ name: "ToolError", code: "config-invalid" });
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("keys", () => {
  it("have one meaning for every spelling", () => {
    const spellings = KEY_NAMES.flatMap((name) => [name, ...KEYS[name].aliases]);
    expect(new Set(spellings).size).toBe(spellings.length);
    for (const spelling of spellings) expect(FOREIGN_KEYS.has(spelling), spelling).toBe(false);
    expect(findKey("subdir")).toBe("platform");
  });
});
