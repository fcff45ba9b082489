import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { channelSettings } from "../../src/commands/channel-settings.ts";
import { loadConfig } from "../../src/config/config.ts";

let home: string;
let warnings: string[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "taipan-settings-"));
  warnings = [];
});
afterEach(() => rmSync(home, { recursive: true }));

/** A `keyring` that knows these secrets, by service and user. */
function keyring(secrets: Record<string, string>): void {
  mkdirSync(join(home, "bin"));
  const cases = Object.entries(secrets).map(([name, secret]) => `'${name}') echo '${secret}';;`);
  const script = `#!/bin/sh\ncase "$1 $2 $3" in\n${cases.join("\n")}\n*) exit 1;;\nesac\n`;
  writeFileSync(join(home, "bin", "keyring"), script);
  chmodSync(join(home, "bin", "keyring"), 0o755);
}

function lookup(condarc: string, path = ""): ReturnType<typeof channelSettings> {
  writeFileSync(join(home, ".condarc"), condarc);
  const env = { PATH: `${path}${join(home, "bin")}:/usr/bin:/bin` };
  const { values } = loadConfig({ env, home, cwd: home, platform: "linux-64" });
  return channelSettings(values, {
    env,
    home,
    events: (event) => event.type === "warning" && warnings.push(event.message),
  });
}

it.skipIf(process.platform === "win32")("finds what conda-auth has put into the keyring", async () => {
  const record = JSON.stringify({ auth_type: "token", token: "new" });
  keyring({
    "get conda-auth::http-basic::https://lab.example/private me@lab": "p/w",
    "get conda-auth::token::mine token": "old",
    "get conda-auth::credential::https://prefix.example/mine credential": record,
  });
  const find = lookup(`channel_settings:
  - {channel: https://lab.example/private, auth: http-basic, username: me@lab}
  - {channel: mine, auth: token}
  - {channel: https://prefix.example/mine, auth: token}
  - {channel: https://prefix.example/none, auth: token}
`);
  expect(await find("https://lab.example/private/noarch/repodata.json")).toEqual({
    user: "me%40lab",
    password: "p%2Fw",
  });
  expect(await find("https://lab.example/privateer/noarch")).toBeUndefined();
  expect(await find("https://conda.anaconda.org/mine/noarch")).toEqual({ token: "old" });
  expect(await find("https://prefix.example/mine/noarch")).toEqual({ bearer: "new" });
  expect(warnings).toEqual([]);
  for (let i = 0; i < 2; i++) expect(await find("https://prefix.example/none/noarch")).toBeUndefined();
  expect(warnings).toEqual([expect.stringMatching(/nothing was found for `auth: token`/)]);
});

it("takes secrets from the settings, of which the last counts, and knows no other kinds", async () => {
  const find = lookup(`channel_settings:
  - {channel: "https://a.example/*", auth: token, token: first}
  - {channel: https://a.example/chan, auth: http-basic, username: u, password: p}
  - {channel: https://b.example/chan, auth: kerberos}
`);
  expect(await find("https://a.example/other/noarch")).toEqual({ bearer: "first" });
  expect(await find("https://a.example/chan/noarch")).toEqual({ user: "u", password: "p" });
  expect(await find("https://b.example/chan/noarch")).toBeUndefined();
  expect(warnings).toEqual([expect.stringMatching(/`auth: kerberos` .* is not known/)]);
});

it("sends the secret of a pattern to no other host and over no other scheme", async () => {
  const find = lookup('channel_settings: [{channel: "https://*.lab.example/*", auth: token, token: t}]');
  expect(await find("https://conda.lab.example/x/noarch")).toEqual({ bearer: "t" });
  for (const url of [
    "http://conda.lab.example/x/noarch",
    "https://evil.example/x.lab.example/noarch",
    "https://conda.lab.example.evil.example/x",
    "https://conda.lab.example@evil.example/x.lab.example/",
  ])
    expect(await find(url)).toBeUndefined();
});

it("hides what a channel's URL has of secrets from those who read a warning", async () => {
  const find = lookup("channel_settings: [{channel: https://u:s3cr3t@a.example/c, auth: kerberos}]");
  expect(await find("https://a.example/c/noarch")).toBeUndefined();
  expect(warnings).toEqual([expect.stringMatching(/`auth: kerberos` of `https:\/\/\S*a\.example\/c`/)]);
  expect(warnings[0]).not.toContain("s3cr3t");
});

it.skipIf(process.platform === "win32")("runs no `keyring` of the working directory", async () => {
  const own = process.cwd();
  const elsewhere = join(home, "clone");
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, "keyring"), "#!/bin/sh\necho stolen\n", { mode: 0o755 });
  try {
    process.chdir(elsewhere);
    const find = lookup("channel_settings: [{channel: https://a.example/c, auth: token}]", ".:");
    expect(await find("https://a.example/c/noarch")).toBeUndefined();
  } finally {
    process.chdir(own);
  }
});

it("sends each host of a pattern the key that is stored for it, and each organisation its token", async () => {
  const encode = (info: object) => Buffer.from(JSON.stringify(info)).toString("base64");
  const orgs = ["acme", "other"].map((org_name) => ({ org_name, token: `of-${org_name}` }));
  mkdirSync(join(home, ".anaconda"));
  writeFileSync(
    join(home, ".anaconda", "keyring"),
    JSON.stringify({
      "Anaconda Cloud": {
        "one.example": encode({ api_key: "one" }),
        "two.example": encode({ api_key: "two" }),
        "orgs.example": encode({ repo_tokens: orgs }),
      },
    }),
  );
  const find = lookup('channel_settings: [{channel: "https://*.example/*", auth: anaconda-auth}]');
  expect(await find("https://one.example/c/noarch")).toEqual({ bearer: "one" });
  expect(await find("https://two.example/c/noarch")).toEqual({ bearer: "two" });
  expect(await find("https://three.example/c/noarch")).toBeUndefined();
  expect(await find("https://orgs.example/repo/acme/noarch")).toEqual({ token: "of-acme" });
  expect(await find("https://orgs.example/repo/other/noarch")).toEqual({ token: "of-other" });
});

it("reads the file of anaconda-auth: a key of the site, or the token of an organisation", async () => {
  const info = { api_key: "key", repo_tokens: [{ token: "any" }, { token: "ours", org_name: "acme" }] };
  mkdirSync(join(home, ".anaconda"));
  const stored = Buffer.from(JSON.stringify(info)).toString("base64");
  writeFileSync(
    join(home, ".anaconda", "keyring"),
    JSON.stringify({ "Anaconda Cloud": { "anaconda.com": stored } }),
  );
  const url = "https://repo.anaconda.cloud/repo/acme/chan/noarch";
  const setting = 'channel_settings: [{channel: "https://repo.anaconda.cloud/*", auth: anaconda-auth';
  expect(await lookup(`${setting}}]`)(url)).toEqual({ bearer: "key" });
  expect(await lookup(`${setting}, credential_type: repo-token}]`)(url)).toEqual({ token: "ours" });
  expect(warnings).toEqual([]);
});
