import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, startServer } from "../support/channel-server.ts";
import { type CliResult, createSandbox, type Sandbox } from "../support/cli.ts";

const TOKEN = "tk-s3cr3t-1";
const USER = "ada";
const PASSWORD = "p@ss/w:rd s3cr3t-2";
const BEARER = "bearer-s3cr3t-3";
const BASIC = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;

type Door = "token" | "basic" | "bearer";

/** A channel that answers only those who know; requests with a token have it in their path. */
async function guarded(root: string, door: Door): Promise<ChannelServer> {
  const knows = (request: IncomingMessage): boolean => {
    if (door === "basic") return request.headers.authorization === BASIC;
    if (door === "bearer") return request.headers.authorization === `Bearer ${BEARER}`;
    return request.url?.startsWith(`/t/${TOKEN}/`) === true;
  };
  const below = `${root}-${door}`;
  cpSync(root, door === "token" ? join(below, "t", TOKEN) : below, { recursive: true });
  return startServer({
    root: below,
    handler: (request, response) => {
      if (knows(request)) return false;
      response.writeHead(401).end("who are you?");
      return true;
    },
  });
}

let sandbox: Sandbox;
let dir: string;
const servers: ChannelServer[] = [];

beforeEach(async () => {
  sandbox = createSandbox();
  dir = join(sandbox.dir, "channel");
  const noarch = "generic" as const;
  await writeChannel(
    dir,
    [
      await buildPackage({
        name: "app",
        version: "1.0",
        noarch,
        files: [{ path: "share/app", content: "x" }],
      }),
    ],
    { zst: true },
  );
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  sandbox.close();
});

async function open(door: Door): Promise<ChannelServer> {
  const server = await guarded(dir, door);
  servers.push(server);
  return server;
}

const host = (server: ChannelServer) => `127.0.0.1:${server.port}`;
const SECRETS = [
  TOKEN,
  PASSWORD,
  BEARER,
  encodeURIComponent(PASSWORD),
  Buffer.from(PASSWORD).toString("base64"),
  BASIC.slice(6),
];

/** Every file below a directory but those that are there to hold secrets. */
function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter(
      (entry) =>
        entry.isFile() && !/authentication\.json|netrc|condarc|\.token$|environment\.yml/.test(entry.name),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The environment and the caches are there, and nothing that was said or written holds a secret. */
function expectInstalled(result: CliResult): void {
  expect(result.stderr).not.toContain("error:");
  expect(result.code).toBe(0);
  expectNoSecret(result);
  const files = [...filesBelow(sandbox.root), ...filesBelow(sandbox.home)];
  expect(files.some((path) => /conda-meta\/app-1\.0-/.test(path))).toBe(true);
  for (const path of files) {
    const content = readFileSync(path, "latin1");
    for (const secret of SECRETS) expect(content.includes(secret), `${secret} in ${path}`).toBe(false);
  }
}

function expectNoSecret(result: CliResult): void {
  for (const secret of SECRETS) expect(result.stdout + result.stderr).not.toContain(secret);
}

const create = (url: string, options: Parameters<Sandbox["taipanWith"]>[0] = {}) =>
  sandbox.taipanWith(options, "create", "-n", "e", "--override-channels", "-c", url, "app", "--json", "-vv");

describe("auth list", () => {
  it("names hosts, kinds and places, and no secret", async () => {
    const none = await sandbox.taipan("auth", "list");
    expect(none).toMatchObject({ code: 0, stdout: "" });
    expect((await sandbox.taipan("auth", "list", "a.example.com")).code).toBe(2);
    await sandbox.taipan("auth", "login", "a.example.com/conda", "--token", TOKEN);
    await sandbox.taipan("auth", "login", "b.example.com", "-u", USER, "-p", PASSWORD);
    await sandbox.taipan("auth", "login", "c.example.com", "--bearer", BEARER);
    writeFileSync(
      join(sandbox.home, ".netrc"),
      `machine d.example.com login ${USER} password ${TOKEN}\ndefault login x password ${TOKEN}\n`,
    );
    const tokens = join(sandbox.home, ".continuum/anaconda-client/tokens");
    mkdirSync(tokens, { recursive: true });
    writeFileSync(join(tokens, `${encodeURIComponent("https://api.e.example.com")}.token`), TOKEN);
    const rows = [
      ...["  - channel: https://f.example.com/c", "    auth: http-basic"],
      ...[`    username: ${USER}`, `    password: ${JSON.stringify(PASSWORD)}`],
      ...[`  - channel: "https://*.g.example.com/*"`, "    auth: token", `    token: ${TOKEN}`],
      ...["  - channel: https://h.example.com/c", "    auth: kerberos"],
    ];
    writeFileSync(join(sandbox.home, ".condarc"), `channel_settings:\n${rows.join("\n")}\n`);
    const text = await sandbox.taipan("auth", "list");
    expectNoSecret(text);
    expect(text.stderr).toContain("`auth: kerberos` of `https://h.example.com/c`");
    expect(text.stdout).toMatch(/^ {2}b\.example\.com +basic +authentication\.json$/m);
    const listed = await sandbox.taipan("auth", "list", "--json");
    expectNoSecret(listed);
    expect(JSON.parse(listed.stdout).logins).toEqual([
      { host: "https://f.example.com/c", kind: "basic", source: "channel_settings" },
      { host: "https://*.g.example.com/*", kind: "bearer", source: "channel_settings" },
      { host: "a.example.com/conda", kind: "token", source: "authentication.json" },
      { host: "b.example.com", kind: "basic", source: "authentication.json" },
      { host: "c.example.com", kind: "bearer", source: "authentication.json" },
      { host: "https://conda.e.example.com", kind: "token", source: "anaconda-client" },
      { host: "d.example.com", kind: "basic", source: "netrc" },
      { host: "*", kind: "basic", source: "netrc" },
    ]);
  });
});

describe("auth login and logout", () => {
  it("stores each kind as mamba does, readable by its owner only", async () => {
    const results = [
      await sandbox.taipan("auth", "login", "https://Token.example/", "--token", TOKEN),
      await sandbox.taipanWith(
        { input: `${PASSWORD}\n` },
        "auth",
        "login",
        "basic.example:8080/chan",
        "-u",
        USER,
        "--password-stdin",
      ),
      await sandbox.taipanWith(
        { input: BEARER },
        "auth",
        "login",
        "http://bearer.example",
        "--bearer-stdin",
        "--json",
      ),
    ];
    for (const result of results) {
      expect(result.code).toBe(0);
      expectNoSecret(result);
    }
    const path = join(sandbox.home, ".mamba", "auth", "authentication.json");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      "token.example": { type: "CondaToken", token: TOKEN },
      "basic.example:8080/chan": {
        type: "BasicHTTPAuthentication",
        user: USER,
        password: Buffer.from(PASSWORD).toString("base64"),
      },
      "bearer.example": { type: "BearerToken", token: BEARER },
    });
    expect((await sandbox.taipan("auth", "logout", "https://token.example", "--json")).json()).toEqual({
      success: true,
      hosts: ["token.example"],
    });
    await sandbox.taipan("auth", "logout", "--all");
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({});
  });

  it("refuses what is no login, without repeating secrets", async () => {
    for (const words of [
      ["login", "h.example"],
      ["login", "h.example", "-t", TOKEN, "-b", BEARER],
      ["login", "h.example", "-p", PASSWORD],
      ["login", "h.example", "-u", USER],
      ["login", "h.example", "-t", `${TOKEN}\nx`],
      ["login", `https://u:${TOKEN}@h.example`, "-t", "x"],
      ["login", "not a host", "-t", TOKEN],
      ["login", "h.example", "--token-stdin", "--bearer-stdin"],
      ["logout"],
      ["logout", "h", "--all"],
    ]) {
      const result = await sandbox.taipan("auth", ...words);
      expect([words.join(" "), result.code]).toEqual([words.join(" "), 2]);
      expectNoSecret(result);
    }
  });
});

describe("credentials reach the server and nothing else", () => {
  it("is refused without", async () => {
    const server = await open("basic");
    const result = await create(server.url);
    expect(result.code).toBe(1);
    expect(result.stderr + result.stdout).toMatch(/401|credential|log ?in/i);
  });

  it.each([
    ["token", ["--token", TOKEN]],
    ["basic", ["-u", USER, "-p", PASSWORD]],
    ["bearer", ["--bearer", BEARER]],
  ] as const)("uses a stored %s", async (door, login) => {
    const server = await open(door);
    await sandbox.taipan("auth", "login", server.url, ...login);
    expectInstalled(await create(server.url));
  });

  it("uses the secrets of a channel URL, on the command line, in condarc and in a file", async () => {
    const basic = await open("basic");
    const inUrl = `http://${USER}:${encodeURIComponent(PASSWORD)}@${host(basic)}`;
    expectInstalled(await create(inUrl));
    const token = await open("token");
    writeFileSync(
      join(sandbox.dir, "environment.yml"),
      `name: file\nchannels: ["http://${host(token)}/t/${TOKEN}"]\ndependencies: [app]\n`,
    );
    expectInstalled(
      await sandbox.taipan("env", "create", "-f", "environment.yml", "--override-channels", "-y"),
    );
    writeFileSync(join(sandbox.home, ".condarc"), `channels: ["${inUrl}"]\n`);
    expectInstalled(await sandbox.taipan("create", "-n", "rc", "app", "-y"));
    for (const words of [
      ["list", "-n", "e", "--explicit"],
      ["list", "-n", "e", "--json"],
      ["env", "export", "-n", "file"],
      ["info", "--json"],
    ]) {
      const result = await sandbox.taipan(...words);
      expect(result.code).toBe(0);
      expectNoSecret(result);
    }
  });

  it("uses netrc: ~/.netrc, or the file that NETRC names", async () => {
    const server = await open("basic");
    const text = `machine 127.0.0.1 login ${USER} password "${PASSWORD}"\n`;
    writeFileSync(join(sandbox.home, ".netrc"), text);
    expectInstalled(await create(server.url));
    writeFileSync(join(sandbox.home, ".netrc"), "machine other login a password b\n");
    expect((await create(server.url)).code).toBe(1);
    writeFileSync(join(sandbox.dir, "my-netrc"), text);
    expectInstalled(await create(server.url, { env: { NETRC: join(sandbox.dir, "my-netrc") } }));
  });

  it("uses tokens of anaconda-client, unless add_anaconda_token is off", async () => {
    const server = await open("token");
    const tokens = join(sandbox.home, ".continuum", "anaconda-client", "tokens");
    mkdirSync(tokens, { recursive: true });
    writeFileSync(join(tokens, `${encodeURIComponent(server.url)}.token`), `${TOKEN}\n`);
    expectInstalled(await create(server.url));
    writeFileSync(join(sandbox.home, ".condarc"), "add_anaconda_token: false\nremote_max_retries: 0\n");
    expect((await create(server.url)).code).toBe(1);
  });

  it("names no secret when a server is missing or answers with failures", async () => {
    const server = await open("token");
    const url = `http://${USER}:${encodeURIComponent(PASSWORD)}@${host(server)}/t/${BEARER}/chan`;
    expectNoSecret(await create(url));
    await server.close();
    servers.length = 0;
    const gone = await create(url, { env: { CONDA_REMOTE_MAX_RETRIES: "0" } });
    expect(gone.code).toBe(1);
    expectNoSecret(gone);
  });
});
