/** The whole executable against loopback servers: secrets, mirrors, registries, offline. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer, TEST_CA } from "../support/channel-server.ts";
import { type CliResult, createSandbox, type Sandbox } from "../support/cli.ts";
import { startRegistry } from "../support/oci-registry.ts";

const TOKEN = "tk-5ecret-0123456789";
let channelDir: string;
let files: Record<string, Uint8Array>;
let sandbox: Sandbox;
let servers: ChannelServer[];

beforeAll(async () => {
  channelDir = mkdtempSync(join(tmpdir(), "taipan-channel-"));
  const build = (name: string, depends: string[] = []) =>
    buildPackage({ name, version: "1.0", noarch: "generic", depends, files: { [`share/${name}`]: name } });
  await writeChannel(channelDir, await Promise.all([build("app", ["_dep"]), build("_dep")]), { zst: true });
  files = {};
  for (const name of readdirSync(join(channelDir, "noarch")))
    files[`/noarch/${name}`] = readFileSync(join(channelDir, "noarch", name));
});
afterAll(() => rmSync(channelDir, { recursive: true, force: true }));
beforeEach(() => {
  sandbox = createSandbox();
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await server.close();
  sandbox.close();
});

/** The words of a command that makes an environment with `app` of the channel. */
const createApp = (channel: string): string[] => [
  "create",
  "-y",
  "-p",
  join(sandbox.dir, "env"),
  "--override-channels",
  "-c",
  channel,
  "app",
];

async function serve(prefix = ""): Promise<ChannelServer> {
  const at = Object.fromEntries(Object.entries(files).map(([path, bytes]) => [prefix + path, bytes]));
  const server = await startServer({ files: at });
  servers.push(server);
  return server;
}

const create = (channel: string, ...more: string[]): Promise<CliResult> =>
  sandbox.taipan(...createApp(channel), ...more);

function condarc(lines: readonly string[]): void {
  mkdirSync(sandbox.home, { recursive: true });
  writeFileSync(join(sandbox.home, ".condarc"), `${lines.join("\n")}\n`);
}

/** Files below the sandbox that hold the text; names count too. */
function mentions(text: string): string[] {
  return readdirSync(sandbox.dir, { recursive: true, withFileTypes: true })
    .map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))
    .filter(({ entry, path }) => path.includes(text) || (entry.isFile() && readFileSync(path).includes(text)))
    .map(({ path }) => path);
}

describe("secrets", () => {
  it.each([[[]], [["--json"]], [["-vvv"]], [["-vvv", "--json-events"]]])(
    "a channel's token reaches the server, and nothing else: %j",
    async (more) => {
      const server = await serve(`/t/${TOKEN}`);
      const done = await create(`${server.url}/t/${TOKEN}`, ...more);
      expect(done.code, done.stderr).toBe(0);
      expect(server.requests.some(({ path }) => path.startsWith(`/t/${TOKEN}/noarch/app`))).toBe(true);
      const listed = await sandbox.taipan("list", "-p", join(sandbox.dir, "env"), "--json");
      const exported = await sandbox.taipan("env", "export", "-p", join(sandbox.dir, "env"));
      const explicit = await sandbox.taipan("list", "-p", join(sandbox.dir, "env"), "--explicit");
      for (const { stdout, stderr } of [done, listed, exported, explicit])
        expect(stdout + stderr).not.toContain(TOKEN);
      // conda-meta, history, repodata cache, repodata_record.json, urls.txt.
      expect(mentions(TOKEN)).toEqual([]);
      expect(mentions(server.url).length).toBeGreaterThan(3);
      expect(explicit.stdout).toContain(`${server.url}/noarch/app`);
    },
  );

  it("a failing channel is named without its token or password", async () => {
    const server = await serve();
    const port = server.port;
    await server.close();
    for (const channel of [`http://127.0.0.1:${port}/t/${TOKEN}`, `http://ann:${TOKEN}@127.0.0.1:${port}`]) {
      condarc(["remote_max_retries: 0"]);
      for (const more of [[], ["--json"], ["-vvv"], ["--json-events"]]) {
        const failed = await create(channel, ...more);
        expect(failed.code).not.toBe(0);
        expect(failed.stdout + failed.stderr).toContain(`127.0.0.1:${port}`);
        expect(failed.stdout + failed.stderr).not.toContain(TOKEN);
      }
    }
    expect(mentions(TOKEN)).toEqual([]);
  });
});

describe("secrets of configuration", () => {
  const OUTPUTS = [[], ["--json"], ["-vvv"], ["--json-events", "-vv"]];
  const SHOWN = [
    ["config", "--show"],
    ["config", "--show", "--json"],
    ["config", "--show-sources"],
    ["config", "list"],
    ["info", "--all"],
    ["info", "--json"],
    ["doctor"],
  ];

  async function nothingShown(env: Record<string, string>, channel: string, allowFailure: boolean) {
    for (const more of OUTPUTS) {
      rmSync(join(sandbox.dir, "env"), { recursive: true, force: true });
      const args = createApp(channel);
      const done = await sandbox.taipanWith({ env }, ...args, ...more);
      expect(done.code === 0, done.stderr).toBe(!allowFailure);
      expect(done.stdout + done.stderr).not.toContain(TOKEN);
    }
    for (const command of allowFailure ? [] : SHOWN) {
      const done = await sandbox.taipanWith({ env }, ...command);
      expect(done.stdout + done.stderr, command.join(" ")).not.toContain(TOKEN);
    }
  }

  it("mirrors' passwords and tokens reach the mirrors, and nothing else", async () => {
    const [bad, good] = [await serve("/a"), await serve(`/t/${TOKEN}`)];
    bad.faults.push({ match: /./, status: 503, times: Infinity });
    const [first, second] = [`http://ann:${TOKEN}@127.0.0.1:${bad.port}/a`, `${good.url}/t/${TOKEN}`];
    condarc([
      "remote_max_retries: 0",
      "mirrored_channels:",
      "  science:",
      `    - ${first}`,
      `    - ${second}`,
    ]);
    await nothingShown({}, "science", false);
    const basic = `Basic ${Buffer.from(`ann:${TOKEN}`).toString("base64")}`;
    expect(bad.requests.every(({ headers }) => headers["authorization"] === basic)).toBe(true);
    expect(good.requests.every(({ headers }) => headers["authorization"] === undefined)).toBe(true);
    expect(mentions(TOKEN)).toEqual([join(sandbox.home, ".condarc")]);
    good.faults.push({ match: /./, status: 403, times: Infinity });
    rmSync(join(sandbox.root, "pkgs"), { recursive: true, force: true });
    await nothingShown({}, "science", true);
  });

  it("a proxy's password reaches the proxy, and nothing else", async () => {
    const server = await serve();
    const seen: (string | undefined)[] = [];
    // A proxy for plain http is a server that is given whole addresses.
    const proxy = await startServer({
      handler: (request, response) => {
        seen.push(request.headers["proxy-authorization"]);
        const path = new URL(request.url ?? "/", server.url).pathname;
        if (!files[path]) response.writeHead(404).end();
        else response.end(files[path]);
        return true;
      },
    });
    servers.push(proxy);
    const address = `http://me:${TOKEN}@127.0.0.1:${proxy.port}`;
    condarc(["remote_max_retries: 0", "proxy_servers:", `  http: ${address}`]);
    await nothingShown({ https_proxy: address }, "http://channel.invalid", false);
    expect(new Set(seen)).toEqual(new Set([`Basic ${Buffer.from(`me:${TOKEN}`).toString("base64")}`]));
    expect(server.requests).toEqual([]);
    expect(mentions(TOKEN)).toEqual([join(sandbox.home, ".condarc")]);
    proxy.faults.push({ status: 407, times: Infinity });
    rmSync(join(sandbox.root, "pkgs"), { recursive: true, force: true });
    await nothingShown({ https_proxy: address }, "http://channel.invalid", true);
    await nothingShown({ https_proxy: address }, "https://channel.invalid", true);
  });
});

describe("certificates", () => {
  it("come from where the variables and ssl_verify say", async () => {
    const server = await startServer({ files, tls: "http2" });
    servers.push(server);
    const args = createApp(server.url);
    const run = (env: Record<string, string>): Promise<CliResult> => sandbox.taipanWith({ env }, ...args);
    const refused = await run({});
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/TLS failed.*\nhint: .*`ssl_verify`/);
    const sources: Record<string, string>[] = [
      { SSL_CERT_FILE: TEST_CA },
      { SSL_CERT_FILE: "", REQUESTS_CA_BUNDLE: TEST_CA },
      { CURL_CA_BUNDLE: TEST_CA },
      { CONDA_SSL_VERIFY: TEST_CA },
    ];
    for (const env of sources) {
      const done = await run(env);
      expect(done.code, done.stderr).toBe(0);
    }
    condarc(["ssl_verify: false"]);
    const unverified = await run({});
    expect(unverified.code, unverified.stderr).toBe(0);
    expect(unverified.stderr).toMatch(/warning: TLS certificates are not verified/);
  });
});

describe("mirrored_channels", () => {
  it("takes the first mirror that works, and asks a failing one no more than once for its tries", async () => {
    const [bad, good] = [await serve("/a"), await serve("/b")];
    bad.faults.push({ match: /./, status: 503, times: Infinity });
    condarc([
      "remote_max_retries: 1",
      "remote_backoff_factor: 1",
      "mirrored_channels:",
      "  science:",
      `    - ${bad.url}/a`,
      `    - ${good.url}/b`,
    ]);
    const done = await create("science");
    expect(done.code, done.stderr).toBe(0);
    // Index files are asked for side by side; what came later left the failing mirror out.
    expect(bad.requests.some(({ path }) => path.endsWith(".conda"))).toBe(false);
    expect(good.requests.filter(({ path }) => path.endsWith(".conda"))).toHaveLength(2);
    const [record] = readdirSync(join(sandbox.dir, "env", "conda-meta")).filter((name) =>
      name.startsWith("app"),
    );
    const meta = JSON.parse(readFileSync(join(sandbox.dir, "env", "conda-meta", record!), "utf8")) as {
      channel: string;
      url: string;
    };
    expect(meta).toMatchObject({ url: expect.stringContaining("/science/noarch/app-1.0") as string });
  });

  it("takes an archive from the next mirror when the bytes are wrong", async () => {
    const [bad, good] = [await serve("/a"), await serve("/b")];
    bad.faults.push({ match: /app-.*\.conda$/, corruptAt: 40, times: Infinity });
    condarc(["mirrored_channels:", "  science:", `    - ${bad.url}/a`, `    - ${good.url}/b`]);
    const done = await create("science");
    expect(done.code, done.stderr).toBe(0);
    expect(good.requests.some(({ path }) => /app-.*\.conda$/.test(path))).toBe(true);
  });

  it("says for each address what happened when all fail", async () => {
    const [one, two] = [await serve("/a"), await serve("/b")];
    one.faults.push({ match: /app-.*\.conda$/, corruptAt: 40, times: Infinity });
    two.faults.push({ match: /app-.*\.conda$/, status: 404, times: Infinity });
    condarc(["mirrored_channels:", "  science:", `    - ${one.url}/a`, `    - ${two.url}/b`]);
    const failed = await create("science", "--json");
    expect(failed.code).not.toBe(0);
    const text = failed.stdout + failed.stderr;
    expect(text).toMatch(new RegExp(`${one.url}/a/noarch/app[^;]*sha256 is`));
    expect(text).toMatch(new RegExp(`${two.url}/b/noarch/app[^;]*HTTP 404`));
  });
});

describe("oci://", () => {
  it("creates an environment from a registry with anonymous tokens, and updates nothing the second time", async () => {
    const registry = await startRegistry(files);
    servers.push(registry);
    const done = await create(registry.channel);
    expect(done.code, done.stderr).toBe(0);
    expect(readFileSync(join(sandbox.dir, "env", "share", "_dep"), "utf8")).toBe("_dep");
    expect(registry.scopes).toContain("owner/chan/noarch/zzz_dep");
    const before = registry.requests.length;
    const again = await sandbox.taipan(
      "install",
      "-y",
      "-p",
      join(sandbox.dir, "env"),
      "--override-channels",
      "-c",
      registry.channel,
      "app",
    );
    expect(again.code, again.stderr).toBe(0);
    expect(registry.requests.slice(before).filter(({ path }) => path.includes("/blobs/"))).toEqual([]);
    expect(mentions("token-for-")).toEqual([]);
  });

  it("stands in for a channel as its mirror", async () => {
    const registry = await startRegistry(files);
    servers.push(registry);
    condarc(["mirrored_channels:", "  science:", `    - ${registry.channel}`]);
    const done = await create("science");
    expect(done.code, done.stderr).toBe(0);
  });
});

describe("--offline and --download-only", () => {
  it("names every missing archive with its address, opens no socket, and works after --download-only", async () => {
    const server = await serve();
    const dry = await create(server.url, "--dry-run");
    expect(dry.code, dry.stderr).toBe(0);
    const before = server.requests.length;
    const missing = await create(server.url, "--offline");
    expect(missing.code).not.toBe(0);
    for (const name of ["app", "_dep"])
      expect(missing.stderr).toMatch(new RegExp(`${server.url}/noarch/${name}-1\\.0-[^ ]*\\.conda`));
    expect(server.requests).toHaveLength(before);
    const fetched = await create(server.url, "--download-only");
    expect(fetched.code, fetched.stderr).toBe(0);
    expect(
      readdirSync(join(sandbox.root, "pkgs")).filter((name) => name.startsWith("app-1.0")).length,
    ).toBeGreaterThan(0);
    const after = server.requests.length;
    const done = await create(server.url, "--offline");
    expect(done.code, done.stderr).toBe(0);
    expect(server.requests).toHaveLength(after);
    expect(readFileSync(join(sandbox.dir, "env", "share", "app"), "utf8")).toBe("app");
  });
});
