import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import {
  addToList,
  getValue,
  getValues,
  mergeText,
  removeKey,
  removeValue,
  setValue,
} from "../../src/config/edit.ts";
import { parseValue } from "../../src/config/rc-parse.ts";
import { redactSecrets } from "../../src/config/redact.ts";
import { getCommands } from "../../src/config/show-conda.ts";

const context = { env: {}, home: "/h", cwd: "/c", platform: "linux-64" };
const COMMENTED = "# mine\nchannels:\n  - a # first\n  - b\n\n# keep\njson: true # why\n";

describe("editing a condarc", () => {
  it("keeps comments and order", () => {
    expect(setValue(COMMENTED, "json", "false", context)).toBe(
      COMMENTED.replace("true # why", "false # why"),
    );
    expect(addToList(COMMENTED, "channels", "c", "append", context)).toBe(
      COMMENTED.replace("  - b\n", "  - b\n  - c\n"),
    );
    expect(addToList(COMMENTED, "channels", "b", "prepend", context)).toContain(
      "channels:\n  - b\n  - a # first\n",
    );
    expect(removeKey(COMMENTED, "json")).toContain("# mine\nchannels:\n  - a");
  });

  it("writes booleans, numbers and texts as such", () => {
    expect(setValue("", "always_yes", "yes", context)).toBe("always_yes: true\n");
    expect(setValue("", "local_repodata_ttl", "60", context)).toBe("local_repodata_ttl: 60\n");
    expect(setValue("", "ssl_verify", "/etc/ca.pem", context)).toBe("ssl_verify: /etc/ca.pem\n");
    expect(setValue("", "ssl_verify", "no", context)).toBe("ssl_verify: false\n");
    expect(parse(setValue("", "channel_alias", "yes: [x", context))).toEqual({ channel_alias: "yes: [x" });
    expect(setValue("", "anaconda_upload", "false", context)).toBe("anaconda_upload: false\n");
    expect(parse(setValue("", "env_prompt", ">x", context))).toEqual({ env_prompt: ">x" });
  });

  it("lets the YAML library say nothing of its own", () => {
    const said = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    setValue("[a]: b\n", "json", "true", context);
    getValues("[a]: b\n");
    parseValue("[a]: b\n");
    expect(said).not.toHaveBeenCalled();
    said.mockRestore();
  });

  it("sets entries of maps", () => {
    const once = setValue("", "custom_channels.my.lab", "https://h", context);
    expect(setValue(once, "proxy_servers.http", "http://p", context)).toBe(
      "custom_channels:\n  my.lab: https://h\nproxy_servers:\n  http: http://p\n",
    );
    expect(removeValue(once, "custom_channels", "my.lab")).toBe("");
    expect(removeKey(once, "custom_channels.my.lab")).toBeUndefined();
  });

  it("has one spelling of a key: the file's for what is added, the new one for what is replaced", () => {
    const added = "envs_path: [/a, /b]\n";
    expect(addToList("envs_path: [/a]\n", "envs_dirs", "/b", "append", context)).toBe(added);
    expect(addToList("envs_path: [/a]\n", "envs_path", "/b", "append", context)).toBe(added);
    expect(setValue("platform: linux-64\n", "subdir", "osx-64", context)).toBe("subdir: osx-64\n");
    expect(mergeText("platform: linux-64\n", "subdir: osx-64\n", context)).toBe("subdir: osx-64\n");
    expect(mergeText("subdir: linux-64\n", "platform: osx-64\n", context)).toBe("platform: osx-64\n");
  });

  it("drops a key with its last value and reports what is not there", () => {
    expect(removeValue("channels: [a]\n", "channels", "a")).toBe("");
    expect(removeValue("channels: [a]\n", "channels", "b")).toBeUndefined();
    expect(removeKey("", "json")).toBeUndefined();
    expect(getValue("channels: [a]\n", "json")).toBeUndefined();
    expect(getValue("channels: [a]\n", "channels")).toEqual({ text: "channels: [a]", value: ["a"] });
  });

  it.each([
    [() => setValue("", "chanels", "x", context), /unknown configuration key `chanels`/],
    [() => setValue("", "channels", "x", context), /`channels` holds several values/],
    [
      () => setValue("", "json", "perhaps", context),
      /`json` cannot be set to `perhaps`: the value is not true or false/,
    ],
    [() => setValue("", "root_prefix", "/r", context), /cannot be set in a file/],
    [() => addToList("", "json", "x", "append", context), /`json` is not a list/],
    [() => setValue("- a\n", "json", "true", context), /does not hold a map/],
  ])("refuses what could not be read back (%#)", (action, message) => {
    expect(action).toThrow(message);
  });

  it("gives back any text that was appended", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }), (values) => {
        let text = COMMENTED;
        for (const value of values) text = addToList(text, "pinned_packages", value, "append", context);
        expect((parse(text) as { pinned_packages: string[] }).pinned_packages).toEqual(values);
      }),
    );
  });

  it("prints conda's commands for what a file holds, without secrets", () => {
    const values = getValues(
      "channels: [a, https://h/t/secret/c]\nssl_verify: false\ncustom_channels: {x: https://u:pw@h}\n",
    );
    expect(getCommands(values)).toBe(
      "--add channels 'https://h/t/*****/c'   # lowest priority\n--add channels 'a'   # highest priority\n--set ssl_verify False\n--set custom_channels.x https://u:*****@h\n",
    );
  });
});

describe("redactSecrets", () => {
  it.each([
    ["https://h/t/abc-123/channel", "https://h/t/*****/channel"],
    ["https://user:pa:ss@h/x", "https://user:*****@h/x"],
    ["https://tok@h/x", "https://*****@h/x"],
    ["see https://a:b@h and http://c:d@i/t/x", "see https://a:*****@h and http://c:*****@i/t/*****"],
    ["https://h/test/x", "https://h/test/x"],
  ])("%s", (text, expected) => {
    expect(redactSecrets(text)).toBe(expected);
  });
});
