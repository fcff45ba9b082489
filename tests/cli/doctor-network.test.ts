import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request as forward, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildPackage, writeChannel } from "../../fixtures/index.ts";
import { type ChannelServer, type ServerOptions, startServer } from "../support/channel-server.ts";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { repoRoot } from "../support/shared.ts";

const SECRET = "s3cr3t-tk";
const isDocument = new Ajv2020().compile(
  JSON.parse(readFileSync(join(repoRoot, "docs/schemas/doctor.schema.json"), "utf8")),
);
const CA = join(repoRoot, "tests/support/tls/ca.pem");

interface Document {
  success: boolean;
  prefix: string | null;
  checks: { name: string; status: string; details: string[] }[];
  network?: {
    tls: { roots: { from: string; count: number } | null; client_certificate: string | null };
    channels: {
      channel: string;
      url: string;
      error: string | null;
      proxy: string | null;
      login: string | null;
    }[];
  };
}

let sandbox: Sandbox;
let channel: string;
const open: { close(): unknown }[] = [];

beforeEach(async () => {
  sandbox = createSandbox();
  channel = join(sandbox.dir, "channel");
  await writeChannel(channel, [
    await buildPackage({ name: "app", version: "1.0", noarch: "generic", files: { "share/app": "x" } }),
  ]);
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  sandbox.close();
});

async function serve(options: ServerOptions = {}): Promise<ChannelServer> {
  const server = await startServer({ root: channel, ...options });
  open.push(server);
  return server;
}

/** An address where nobody listens any more. */
async function deserted(): Promise<string> {
  const server = await startServer({ root: channel });
  await server.close();
  return server.url;
}

const condarc = (...lines: string[]): void =>
  writeFileSync(join(sandbox.home, ".condarc"), `${lines.join("\n")}\n`);

async function examine(...args: string[]): Promise<{ code: number | null; document: Document }> {
  const done = await sandbox.taipan("doctor", "--network", "--json", ...args);
  expect(done.stdout + done.stderr).not.toContain(SECRET);
  const document = done.json<Document & Record<string, unknown>>();
  expect(isDocument(document) ? [] : isDocument.errors).toEqual([]);
  return { code: done.code, document };
}

describe("doctor --network", () => {
  it("finds channels that answer, and asks for no more than a byte of them", async () => {
    const server = await serve();
    condarc("channels:", `  - ${server.url}`, `  - ${pathToFileURL(channel).href}`);
    const { code, document } = await examine();
    expect([code, document.success, document.prefix]).toEqual([0, true, null]);
    expect(document.checks).toMatchObject([{ name: "network", status: "ok", details: [] }]);
    expect(document.network?.channels).toMatchObject([
      { url: server.url, error: null, proxy: null, login: null },
      { url: pathToFileURL(channel).href, error: null, proxy: null, login: null },
    ]);
    expect(server.requests.map(({ headers }) => headers["range"])).toEqual(
      server.requests.map(() => "bytes=0-0"),
    );
  });

  it("says of each channel that does not answer why, once, in text too", async () => {
    const [locked, empty, gone] = [
      await serve({ faults: [{ status: 401, times: Infinity }] }),
      await serve({ root: sandbox.home }),
      await deserted(),
    ];
    const ill = await serve({ faults: [{ status: 503, times: Infinity }] });
    condarc("channels:", ...[locked.url, empty.url, gone, ill.url].map((url) => `  - ${url}`));
    const { code, document } = await examine();
    expect([code, document.success]).toEqual([1, false]);
    const reasons = [/no access \(HTTP 401\).*auth login/, /HTTP 404/, /connection refused/, /HTTP 503/];
    const { channels = [] } = document.network ?? {};
    expect(channels.map(({ url }) => url)).toEqual([locked.url, empty.url, gone, ill.url]);
    for (const [i, reason] of reasons.entries()) expect(channels[i]?.error).toMatch(reason);
    expect(document.checks.at(-1)?.details).toEqual(channels.map(({ url, error }) => `${url}: ${error}`));
    expect(ill.requests).toHaveLength(1);

    const text = await sandbox.taipan("doctor", "--network");
    expect(text.code).toBe(1);
    expect(text.stdout).toContain(`${gone}: cannot fetch`);
    expect(text.stdout).toMatch(new RegExp(`^ +${gone} +no +\\d+ ms +none +none$`, "m"));
  });

  it("takes a mirror that is down for a warning while another one answers", async () => {
    const [gone, good] = [await deserted(), await serve()];
    condarc("channels: [lab]", "mirrored_channels:", `  lab: [${gone}, ${good.url}]`);
    const { code, document } = await examine();
    expect([code, document.success]).toEqual([0, true]);
    expect(document.checks.at(-1)).toMatchObject({ name: "network", status: "warning" });
    expect(
      document.network?.channels.map(({ channel: name, url, error }) => [name, url, error === null]),
    ).toEqual([
      ["lab", gone, false],
      ["lab", good.url, true],
    ]);
  });

  it("names the proxy and the kind of each login, and never a secret", async () => {
    const seen: string[] = [];
    const proxy: Server = createServer((incoming, outgoing) => {
      seen.push(incoming.url ?? "");
      forward(incoming.url ?? "", { headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      }).end();
    });
    await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
    open.push(proxy);
    const { port } = proxy.address() as AddressInfo;
    const served = join(sandbox.dir, "served");
    for (const below of ["basic", `t/${SECRET}/token`])
      cpSync(channel, join(served, below), { recursive: true });
    const server = await serve({ root: served });
    const [, host] = server.url.split("//");
    condarc(
      ...["channels:", `  - http://ann:${SECRET}@${host}/basic`, `  - http://${host}/t/${SECRET}/token`],
      ...["proxy_servers:", `  http: http://me:${SECRET}@127.0.0.1:${port}`],
    );
    const { code, document } = await examine();
    expect(document.network?.channels.map(({ error, login }) => [error, login])).toEqual([
      [null, "basic"],
      [null, "token"],
    ]);
    expect(code).toBe(0);
    expect(document.network?.channels[0]?.proxy).toBe(`http://*****:*****@127.0.0.1:${port}`);
    expect(seen.length).toBeGreaterThan(0);
    const text = await sandbox.taipan("doctor", "--network");
    expect(text.stdout + text.stderr).not.toContain(SECRET);
    expect(text.stdout).toContain("basic");
  });

  it("says which certificates connections are checked against, and checks them", async () => {
    const server = await serve({ tls: "http1" });
    condarc("channels:", `  - ${server.url}`);
    const trusting = await examine("--ssl-verify", CA);
    expect(trusting.document.network).toMatchObject({
      tls: { roots: { from: CA, count: 1 }, client_certificate: null },
      channels: [{ error: null }],
    });
    const builtIn = await examine();
    expect(builtIn.document.network?.tls.roots?.from).toBe("node");
    expect(builtIn.document.network?.tls.roots?.count).toBeGreaterThan(50);
    expect(builtIn.document.network?.channels[0]?.error).toMatch(/TLS failed/);
    const careless = await examine("--ssl-verify", "<false>");
    expect(careless.document.network).toMatchObject({
      tls: { roots: { from: "none", count: 0 } },
      channels: [{ error: null }],
    });
    const missing = await examine("--ssl-verify", "/nowhere.pem");
    expect(missing.code).toBe(1);
    expect(missing.document.network?.tls.roots).toBeNull();
    expect(missing.document.checks.at(-1)?.details[0]).toContain("/nowhere.pem");
  });

  it("looks at the environment, too, and opens no connection without the option or offline", async () => {
    const server = await serve();
    condarc("channels:", `  - ${server.url}`);
    expect((await sandbox.taipan("create", "-n", "e", "app")).code).toBe(0);
    const { document } = await examine("-n", "e");
    expect(document.checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["consistency", "network"]),
    );
    expect((await sandbox.taipan("doctor", "--network", "-n", "nowhere")).code).not.toBe(0);

    server.requests.length = 0;
    const without = (await sandbox.taipan("doctor", "-n", "e", "--json")).json<Document>();
    expect(without.network).toBeUndefined();
    expect(without.checks.map(({ name }) => name)).not.toContain("network");
    const offline = await sandbox.taipan("doctor", "--network", "--offline");
    expect([offline.code, offline.stderr]).toEqual([2, expect.stringContaining("offline")]);
    expect(server.requests).toEqual([]);
  });
});
