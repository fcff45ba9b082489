import { afterAll, describe, expect, it } from "vitest";
import { createHttpClient } from "../../src/net/http.ts";
import { fetchNotices, type NoticeOptions, parseNotices } from "../../src/repodata/notices.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { temporaryDirectory } from "./support.ts";

const servers: ChannelServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.close();
});

const start = Date.parse("2026-01-01T00:00:00Z");
const hour = 3_600_000;
const notice = (id: string, message: string, hours: number, extra: object = {}): object => ({
  id,
  message,
  level: "warning",
  created_at: new Date(start + hours * hour).toISOString(),
  expires_at: new Date(start + 240 * hour).toISOString(),
  ...extra,
});

async function channel(notices: unknown): Promise<{
  server: ChannelServer;
  files: Record<string, string>;
  ask(at: number, options?: NoticeOptions, offline?: boolean): Promise<string[]>;
}> {
  const files: Record<string, string> = { "/ch/notices.json": JSON.stringify({ notices }) };
  const server = await startServer({ files });
  servers.push(server);
  const cacheDir = temporaryDirectory();
  const channels = [{ name: "ch", baseUrl: `${server.url}/ch` }];
  return {
    server,
    files,
    async ask(at, options = {}, offline = false) {
      const http = createHttpClient({ retries: 0, offline }, { events() {} });
      const found = await fetchNotices(channels, options, { http, cacheDir, now: () => start + at * hour });
      await http.close();
      return found.map(({ id }) => id);
    },
  };
}

describe("channel notices (CEP 6)", () => {
  it("are shown once each, newest first, and asked for once a day", async () => {
    const { server, files, ask } = await channel([notice("a", "old", 1), notice("b", "new", 2)]);
    expect(await ask(3)).toEqual(["b", "a"]);
    expect(await ask(4)).toEqual([]);
    expect(await ask(5, { unseenOnly: false })).toEqual(["b", "a"]);
    expect(server.requests).toHaveLength(1);
    files["/ch/notices.json"] = JSON.stringify({
      notices: [notice("a", "old", 1), notice("c", "newer", 20)],
    });
    expect(await ask(30)).toEqual(["c"]);
    expect(server.requests).toHaveLength(2);
  });

  it("are asked for again when one has expired, and are not shown then", async () => {
    const { server, ask } = await channel([
      notice("a", "short", 1, { expires_at: new Date(start + 4 * hour).toISOString() }),
    ]);
    expect(await ask(3)).toEqual(["a"]);
    expect(await ask(5, { unseenOnly: false })).toEqual([]);
    expect(server.requests).toHaveLength(2);
    expect(await ask(6, { unseenOnly: false })).toEqual([]);
    expect(server.requests).toHaveLength(2);
  });

  it("obey the limit; 0 asks nobody", async () => {
    const { server, ask } = await channel([notice("a", "x", 1), notice("b", "y", 2)]);
    expect(await ask(3, { limit: 0 })).toEqual([]);
    expect(server.requests).toHaveLength(0);
    expect(await ask(3, { limit: 1 })).toEqual(["b"]);
    expect(await ask(4, { limit: 1 })).toEqual(["a"]);
  });

  it("never fail a command, and never go online offline", async () => {
    const { server, files, ask } = await channel([notice("a", "x", 1)]);
    expect(await ask(1, {}, true)).toEqual([]);
    expect(server.requests).toHaveLength(0);
    server.faults.push({ status: 500, times: 9 });
    expect(await ask(2)).toEqual([]);
    server.faults.length = 0;
    files["/ch/notices.json"] = "<html>";
    expect(await ask(40)).toEqual([]);
  });

  it("cannot forge what is printed", () => {
    const [evil] = parseNotices(
      JSON.stringify({
        notices: [{ message: "\u001b[2J\u001b]0;x\u0007hello\r\nworld\u202e", level: "root" }],
      }),
      "ch",
    );
    expect(evil).toMatchObject({
      message: "[2J]0;xhello\nworld",
      level: "info",
      created_at: 0,
      expires_at: undefined,
    });
    expect(
      parseNotices(
        JSON.stringify({ notices: [null, 7, { id: 1 }, { message: "m".repeat(99_999) }] }),
        "ch",
      ).map(({ message }) => message.length),
    ).toEqual([4096]);
    expect(parseNotices('{"notices": {}}', "ch")).toEqual([]);
  });
});
