import { describe, expect, it } from "vitest";
import {
  authorizeUrl,
  type Channel,
  type ChannelConfig,
  channelCredentials,
  DEFAULT_CHANNEL_CONFIG,
  pathToFileUrl,
  resolveChannel,
  resolveChannels,
} from "../../src/specs/channel.ts";
import { channelContains, isSameChannel } from "../../src/specs/channel-match.ts";

const context = { platform: "linux-64", home: "/home/user", cwd: "/cwd" };

function one(text: string, config: Partial<ChannelConfig> = {}): Channel {
  const channels = resolveChannel(text, { ...DEFAULT_CHANNEL_CONFIG, ...config }, context);
  expect(channels).toHaveLength(1);
  return channels[0] as Channel;
}

function names(list: string[], config: Partial<ChannelConfig> = {}): string[] {
  return resolveChannels(list, { ...DEFAULT_CHANNEL_CONFIG, ...config }, context).map(({ name }) => name);
}

describe("channel names", () => {
  it.each([
    ["conda-forge", "conda-forge", "https://conda.anaconda.org/conda-forge"],
    ["conda-forge/", "conda-forge", "https://conda.anaconda.org/conda-forge"],
    ["conda-forge/label/dev", "conda-forge/label/dev", "https://conda.anaconda.org/conda-forge/label/dev"],
    ["pkgs/main", "pkgs/main", "https://repo.anaconda.com/pkgs/main"],
    ["https://conda.anaconda.org/conda-forge/", "conda-forge", "https://conda.anaconda.org/conda-forge"],
    ["HTTPS://Repo.Prefix.dev/Chan", "https://repo.prefix.dev/Chan", "https://repo.prefix.dev/Chan"],
    ["oci://ghcr.io/channel-mirrors/conda-forge", undefined, "oci://ghcr.io/channel-mirrors/conda-forge"],
    ["s3://bucket/chan", undefined, "s3://bucket/chan"],
    ["/srv/my channels/a", undefined, "file:///srv/my%20channels/a"],
    ["./chan", undefined, "file:///cwd/chan"],
    ["../up/chan", undefined, "file:///up/chan"],
    ["~/chan", undefined, "file:///home/user/chan"],
    ["C:\\Users\\me\\chan", undefined, "file:///C:/Users/me/chan"],
  ])("%s", (text, name, baseUrl) => {
    const channel = one(text);
    expect(channel.baseUrl).toBe(baseUrl);
    expect(channel.name).toBe(name ?? baseUrl);
    expect(channel.urls("osx-64")).toEqual([
      { subdir: "osx-64", url: `${baseUrl}/osx-64` },
      { subdir: "noarch", url: `${baseUrl}/noarch` },
    ]);
  });

  it("a platform filter replaces the platform", () => {
    for (const text of [
      "conda-forge[linux-32, noarch]",
      "conda-forge[linux-32|noarch]",
      "conda-forge[linux-32;noarch]",
      "https://conda.anaconda.org/conda-forge[linux-32,noarch]",
    ]) {
      expect(one(text).name).toBe("conda-forge");
      expect(
        one(text)
          .urls("win-64")
          .map(({ subdir }) => subdir),
      ).toEqual(["linux-32", "noarch"]);
    }
    expect(one("conda-forge/noarch").urls("linux-64")).toEqual([
      { subdir: "noarch", url: "https://conda.anaconda.org/conda-forge/noarch" },
    ]);
    expect(one("https://[::1]/c").baseUrl).toBe("https://[::1]/c");
    expect(
      one("conda-forge")
        .urls("noarch")
        .map(({ subdir }) => subdir),
    ).toEqual(["noarch"]);
  });

  it("a directory called like a platform in the middle of a local path stays", () => {
    expect(one("/data/linux-64/chan").baseUrl).toBe("file:///data/linux-64/chan");
    expect(one("/data/chan/linux-64")).toMatchObject({
      baseUrl: "file:///data/chan",
      platforms: ["linux-64"],
    });
  });

  it.each([
    "",
    "a\nb",
    "forge]",
    "conda-forge[../x]",
    "a//b",
    "a/../b",
    "https://",
    "https://user:secret@:x/",
    "~root/chan",
    "https:/host/chan",
  ])("%j is refused", (text) => {
    expect(() => one(text)).toThrow(expect.objectContaining({ code: "channel-invalid" }));
  });

  it.each(["<unknown>", "None:///<unknown>", "none"])(
    "%s is the channel of packages from nowhere",
    (text) => {
      expect(one(text)).toMatchObject({ name: "<unknown>", baseUrl: "" });
      expect(one(text).urls("linux-64")).toEqual([]);
    },
  );

  it("the message of a refused channel shows no secret", () => {
    expect(() => one("https://user:secret@ho st/t/secret/x\n")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret") }),
    );
  });

  it("an archive is a package, not a channel to search", () => {
    expect(one("https://h/c/linux-64/a-1-0.conda").packageUrl).toBe("https://h/c/linux-64/a-1-0.conda");
    expect(() => names(["https://h/c/linux-64/a-1-0.conda"])).toThrow(/is a package, not a channel/);
  });
});

describe("configuration", () => {
  it("credentials stay out of names and URLs, and come back for requests", () => {
    const channel = one("chuck/label/dev", {
      customChannels: { chuck: "http://user1:pass2@host:8080/t/tk-1/with/path" },
    });
    expect(channel).toMatchObject({
      name: "chuck/label/dev",
      baseUrl: "http://host:8080/with/path/chuck/label/dev",
      auth: { user: "user1", password: "pass2", token: "tk-1" },
    });
    const credentials = channelCredentials([channel]);
    expect(authorizeUrl(`${channel.baseUrl}/noarch/repodata.json`, credentials)).toBe(
      "http://user1:pass2@host:8080/t/tk-1/with/path/chuck/label/dev/noarch/repodata.json",
    );
    expect(authorizeUrl(`${channel.baseUrl}-evil/noarch`, credentials)).toBe(
      `${channel.baseUrl}-evil/noarch`,
    );
    expect(JSON.stringify({ ...channel, auth: undefined })).not.toMatch(/tk-1|pass2/);
  });

  it("multichannels expand in place, duplicates keep their first place", () => {
    const config = {
      customMultichannels: { mine: ["conda-forge", "https://h/c"], more: ["mine", "bioconda"] },
    };
    expect(names(["more", "defaults", "conda-forge"], config)).toEqual([
      "conda-forge",
      "https://h/c",
      "bioconda",
      "pkgs/main",
      "pkgs/r",
    ]);
    expect(names(["conda-forge", "https://conda.anaconda.org/conda-forge"])).toEqual(["conda-forge"]);
    expect(() => names(["loop"], { customMultichannels: { loop: ["loop"] } })).toThrow(/contains itself/);
  });

  it("two subdirs of one channel become one channel", () => {
    const [channel, ...rest] = resolveChannels(["c/linux-64", "c/noarch"], DEFAULT_CHANNEL_CONFIG, context);
    expect(rest).toEqual([]);
    expect(channel?.urls("win-64").map(({ subdir }) => subdir)).toEqual(["linux-64", "noarch"]);
    const [whole] = resolveChannels(["c/linux-64", "c"], DEFAULT_CHANNEL_CONFIG, context);
    expect(whole?.urls("win-64").map(({ subdir }) => subdir)).toEqual(["win-64", "noarch"]);
  });

  it("mirrors are kept in order, without their credentials", () => {
    const channel = one("conda-forge", {
      mirroredChannels: {
        "conda-forge": ["https://u:secret@corp/cf/", "oci://ghcr.io/channel-mirrors/conda-forge"],
      },
    });
    expect(channel.mirrors).toEqual(["https://corp/cf", "oci://ghcr.io/channel-mirrors/conda-forge"]);
    expect(channelCredentials([channel])).toEqual([
      { prefix: "https://corp/cf", auth: { user: "u", password: "secret" } },
    ]);
  });

  it("names of the configuration cannot reach the prototype", () => {
    expect(one("constructor").baseUrl).toBe("https://conda.anaconda.org/constructor");
    expect(one("__proto__/x").baseUrl).toBe("https://conda.anaconda.org/__proto__/x");
  });

  it("the authentication store is used when the URL has no credentials", () => {
    const authentication = { "host.org": { type: "CondaToken", token: "tk" } } as const;
    const [found] = resolveChannel("https://host.org/chan", DEFAULT_CHANNEL_CONFIG, {
      ...context,
      authentication,
    });
    expect(found?.auth).toEqual({ token: "tk" });
    const [own] = resolveChannel("https://u:p@host.org/chan", DEFAULT_CHANNEL_CONFIG, {
      ...context,
      authentication,
    });
    expect(own?.auth).toEqual({ user: "u", password: "p" });
  });
});

describe("which channel is it", () => {
  it("compares names, URLs and multichannels", () => {
    expect(isSameChannel("defaults", "https://repo.anaconda.com/pkgs/main")).toBe(true);
    expect(isSameChannel("conda-forge", "https://conda.anaconda.org/conda-forge")).toBe(true);
    expect(isSameChannel("conda-forge", "https://conda.anaconda.org/conda-forge/label/dev")).toBe(false);
    expect(isSameChannel("distr", "file:///tmp/a/distr")).toBe(true);
    expect(isSameChannel("file:///tmp/a/distr", "distr")).toBe(false);
    expect(isSameChannel("istr", "file:///tmp/a/distr")).toBe(false);
  });

  it("knows packages by whole path components", () => {
    const channel = one("https://host/chan");
    expect(channelContains(channel, "https://host/chan/linux-64/a-1-0.conda", "linux-64")).toBe("full");
    expect(channelContains(channel, "https://host/chan/win-64/a-1-0.conda", "linux-64")).toBe(
      "in_other_platform",
    );
    expect(channelContains(channel, "https://host/chan2/linux-64/a-1-0.conda", "linux-64")).toBe("no");
  });
});

describe("paths", () => {
  it.each([
    ["a/./b/../c", "file:///cwd/a/c"],
    ["\\\\server\\share", "file://server/share"],
    ["/a#b?c%d", "file:///a%23b%3Fc%25d"],
    ["../../../..", "file:///"],
  ])("%s", (path, url) => {
    expect(pathToFileUrl(path, context)).toBe(url);
  });
});
