import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { channelsNamed } from "../../src/commands/channel-rules.ts";
import { openResources } from "../../src/commands/resources.ts";
import { loadConfig } from "../../src/config/config.ts";
import { ignoreEvents } from "../../src/events.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";

let home: string;
let server: ChannelServer;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "taipan-resources-"));
  server = await startServer({ handler: (_, response) => !!response.end("") });
});
afterEach(async () => {
  await server.close();
  rmSync(home, { recursive: true });
});

/** The names that the server was told, by path. */
async function usersOf(paths: readonly string[], channels: readonly string[]): Promise<unknown> {
  const { values: config } = loadConfig({ env: {}, home, cwd: home, platform: "linux-64" });
  const resources = openResources(config, { env: {}, home, events: ignoreEvents });
  resources.useChannels(channelsNamed(channels, { config, home, cwd: home, hostPlatform: "linux-64" }));
  try {
    for (const path of paths) (await resources.http().fetch(server.url + path)).discard();
  } finally {
    await resources.close();
  }
  const user = (header = "") => Buffer.from(header.replace("Basic ", ""), "base64").toString().split(":")[0];
  return Object.fromEntries(
    server.requests.map(({ path, headers }) => [path, user(headers["authorization"])]),
  );
}

it("uses the secrets of a channel's URL, then of channel_settings, then those that are stored", async () => {
  const { host, hostname } = new URL(server.url);
  const setting = (name: string) =>
    `  - {channel: "${server.url}/${name}", auth: http-basic, username: settings, password: p}\n`;
  writeFileSync(join(home, ".condarc"), `channel_settings:\n${setting("both")}${setting("set")}`);
  writeFileSync(join(home, ".netrc"), `machine ${hostname} login stored password p\n`);
  expect(await usersOf(["/both/x", "/set/x", "/none/x"], [`http://url:p@${host}/both`])).toEqual({
    "/both/x": "url",
    "/set/x": "settings",
    "/none/x": "stored",
  });
});

it("uses the secrets of a channel below another one for it alone, in whatever order they are given", async () => {
  const { host } = new URL(server.url);
  const channels = [`http://outer:p@${host}/a`, `http://inner:p@${host}/a/private`];
  for (const order of [channels, channels.toReversed()])
    expect(await usersOf(["/a/private/x", "/a/x", "/abc/x"], order)).toEqual({
      "/a/private/x": "inner",
      "/a/x": "outer",
      "/abc/x": "",
    });
});
