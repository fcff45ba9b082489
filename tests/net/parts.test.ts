import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ignoreEvents } from "../../src/events.ts";
import {
  listCredentials,
  loadCredentials,
  readAuthStore,
  removeLogin,
  storeLogin,
} from "../../src/net/credentials.ts";
import { describeAttempts, describeFailure, statusError } from "../../src/net/failures.ts";
import { createMirrors } from "../../src/net/mirrors.ts";
import { parseNetrc } from "../../src/net/netrc.ts";
import { bypassesProxy, proxyFor } from "../../src/net/proxy.ts";
import { parseRetryAfter, retryDelay } from "../../src/net/retry.ts";

describe("NO_PROXY", () => {
  it.each<[string, string, boolean]>([
    ["https://a.example.com/x", "example.com", true],
    ["https://a.example.com/x", ".example.com", true],
    ["https://example.com/x", ".example.com", true],
    ["https://a.example.com/x", "*.example.com", true],
    ["https://badexample.com/x", "example.com", false],
    ["https://a.com/", "b.com, a.com", true],
    ["https://a.com/", "b.com  a.com", true],
    ["https://a.com:8443/", "a.com:8443", true],
    ["https://a.com/", "a.com:443", true],
    ["http://a.com/", "a.com:443", false],
    ["http://A.com/", "a.COM", true],
    ["http://10.1.2.3/", "10.0.0.0/8", true],
    ["http://11.1.2.3/", "10.0.0.0/8", false],
    ["http://10.1.2.3/", "10.0.0.0/99", false],
    ["http://[fe80::1]/", "fe80::/10", true],
    ["http://[::1]:80/", "[::1]", true],
    ["http://127.0.0.1/", "127.0.0.1", true],
    ["http://anything/", "*", true],
    ["http://anything/", "", false],
  ])("%s with %s: %s", (url, list, expected) => expect(bypassesProxy(new URL(url), list)).toBe(expected));

  it("takes any text", () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => typeof bypassesProxy(new URL("http://10.0.0.1/"), text) === "boolean",
      ),
    );
  });
});

describe("proxy choice", () => {
  it.each<[string, Record<string, string>, string | undefined]>([
    ["https://h/x", { https: "http://p:1" }, "http://p:1"],
    ["https://h/x", { http: "http://p:1" }, undefined],
    ["http://h/x", { http: "p:1" }, "http://p:1"],
    ["https://h/x", { all: "http://all", https: "" }, "http://all"],
    ["https://h/x", { https: "http://p", "https://h": "http://special" }, "http://special"],
    ["https://h/x", { https: "socks5h://p:1080" }, "socks5://p:1080"],
  ])("%s with %j: %s", (url, proxies, expected) =>
    expect(proxyFor(new URL(url), proxies, undefined)).toBe(expected),
  );
});

describe("waiting", () => {
  const policy = { retries: 3, backoffFactor: 3, retryDelay: 500 };
  it("grows by the factor, jitters by half, ends after the retries", () => {
    expect([1, 2, 3].map((n) => retryDelay(policy, n, undefined, 1))).toEqual([500, 1500, 4500]);
    expect(retryDelay(policy, 2, undefined, 0)).toBe(750);
    expect(retryDelay(policy, 4, undefined)).toBeUndefined();
    expect(retryDelay({ ...policy, retries: 100 }, 90, undefined, 1)).toBe(60_000);
  });
  it("obeys Retry-After up to two minutes", () => {
    expect(retryDelay(policy, 1, 7000, 1)).toBe(7000);
    expect(retryDelay(policy, 1, 121_000)).toBeUndefined();
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect(parseRetryAfter("12", now)).toBe(12_000);
    expect(parseRetryAfter("Thu, 01 Jan 2026 00:00:30 GMT", now)).toBe(30_000);
    expect(parseRetryAfter("Thu, 01 Jan 2015 00:00:30 GMT", now)).toBe(0);
    expect(retryDelay(policy, 1, parseRetryAfter("9".repeat(400), now))).toBeUndefined();
    expect(retryDelay(policy, 1, parseRetryAfter("Fri, 01 Jan 2100 00:00:00 GMT", now))).toBeUndefined();
    for (const odd of [undefined, "", "soon", "-"]) expect(parseRetryAfter(odd, now)).toBeUndefined();
  });
});

describe("failures in words", () => {
  it("counts repeats by URL", () => {
    const text = describeAttempts([
      { url: "a", outcome: "HTTP 503" },
      { url: "a", outcome: "HTTP 503" },
      { url: "a", outcome: "connection refused" },
      { url: "b", outcome: "host not found" },
    ]);
    expect(text).toBe("`a`: HTTP 503 (2 times), then connection refused; `b`: host not found");
  });
  it("looks through causes, and repeats no certificate", () => {
    const inner = Object.assign(new Error("self-signed certificate"), {
      code: "DEPTH_ZERO_SELF_SIGNED_CERT",
    });
    expect(describeFailure(new Error("outer", { cause: inner }))).toMatchObject({
      retryable: false,
      hint: expect.stringContaining("ssl_verify"),
    });
    expect(
      describeFailure(new AggregateError([Object.assign(new Error("x"), { code: "ECONNREFUSED" })], "")),
    ).toMatchObject({ reason: "connection refused" });
    expect(describeFailure("text")).toMatchObject({ retryable: true });
  });
  it("tells access from absence", () => {
    expect(statusError({ status: 403, url: "u" }, "x").code).toBe("auth-error");
    expect(statusError({ status: 404, url: "u" }, "x").code).toBe("http-error");
  });
});

describe("netrc", () => {
  it("reads machines, quotes, comments, macros and default", () => {
    const text = `# top\nmachine a.example login u password "p w"\nmacdef init\n machine evil login x password y\n\nmachine B.example\n login v # why\n password #hash\ndefault login anon password none`;
    expect(parseNetrc(text)).toEqual([
      { machine: "a.example", login: "u", password: "p w" },
      { machine: "b.example", login: "v", password: "#hash" },
      { machine: undefined, login: "anon", password: "none" },
    ]);
  });
  it("takes any text", () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseNetrc(text))));
  });
});

describe("stored credentials", () => {
  let home: string;
  let file: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "taipan-home-"));
    file = join(home, ".mamba/auth/authentication.json");
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it("are kept in mamba's format for the owner's eyes, and forgotten", async () => {
    await storeLogin(file, "h.example", { type: "BasicHTTPAuthentication", user: "u", password: "päss" });
    await storeLogin(file, "t.example/chan", { type: "CondaToken", token: "tk" });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, "utf8"))["h.example"]).toEqual({
      type: "BasicHTTPAuthentication",
      user: "u",
      password: Buffer.from("päss").toString("base64"),
    });
    expect((await readAuthStore(file))["h.example"]).toMatchObject({ password: "päss" });
    chmodSync(file, 0o644);
    await storeLogin(file, "b.example", { type: "BearerToken", token: "bt" });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await removeLogin(file, "none")).toEqual([]);
    expect(await removeLogin(file, "b.example")).toEqual(["b.example"]);
  });

  it("are found in their order: store, anaconda-client, netrc", async () => {
    await storeLogin(file, "h.example", { type: "BasicHTTPAuthentication", user: "u", password: "päss" });
    await storeLogin(file, "t.example/chan", { type: "CondaToken", token: "tk" });
    const tokens = join(home, ".continuum/anaconda-client/tokens");
    mkdirSync(tokens, { recursive: true });
    writeFileSync(join(tokens, `${encodeURIComponent("https://api.anaconda.org")}.token`), "ana\n");
    writeFileSync(
      join(home, ".netrc"),
      "machine n.example login nu password np\nmachine h.example login no password no\n",
    );
    const find = await loadCredentials({ home }, ignoreEvents);
    expect(find("https://h.example/any")).toEqual({ user: "u", password: "p%C3%A4ss" });
    expect(find("https://t.example/chan/noarch")).toEqual({ token: "tk" });
    expect(find("https://t.example/other")).toBeUndefined();
    expect(find("https://conda.anaconda.org/me/noarch")).toEqual({ token: "ana" });
    expect(find("https://n.example/")).toEqual({ user: "nu", password: "np" });
    expect(find("no url")).toBeUndefined();
    expect((await listCredentials({ home })).map(({ host, source }) => [host, source])).toEqual([
      ["h.example", "authentication.json"],
      ["t.example/chan", "authentication.json"],
      ["https://conda.anaconda.org", "anaconda-client"],
      ["n.example", "netrc"],
      ["h.example", "netrc"],
    ]);
  });

  it("of anaconda-client for a channel below another one come first, in whatever order the files are", async () => {
    const tokens = join(home, ".continuum/anaconda-client/tokens");
    mkdirSync(tokens, { recursive: true });
    const write = (name: string, token: string) => writeFileSync(join(tokens, `${name}.token`), token);
    for (const [host, quote] of [
      [
        "lower.example",
        (text: string) => encodeURIComponent(text).replace(/%../g, (hex) => hex.toLowerCase()),
      ],
      ["upper.example", encodeURIComponent],
    ] as const) {
      write(encodeURIComponent(`https://${host}/a`), "outer");
      write(quote(`https://${host}/a/private`), "inner");
      const find = await loadCredentials({ home }, ignoreEvents);
      expect(find(`https://${host}/a/private/noarch/x`)).toEqual({ token: "inner" });
      expect(find(`https://${host}/a/noarch/x`)).toEqual({ token: "outer" });
      expect(find(`https://${host}/abc/noarch/x`)).toBeUndefined();
    }
  });

  it("a broken file is a warning, not an end", async () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "{");
    const seen: string[] = [];
    await loadCredentials({ home }, (event) => seen.push(event.type));
    expect(seen).toEqual(["warning"]);
  });
});

describe("mirrors", () => {
  it("of a channel below another one are its own", () => {
    const { candidates } = createMirrors({
      "https://c.example/a": ["https://m1.example"],
      "https://c.example/a/private/": ["https://m2.example/"],
    });
    expect(candidates("https://c.example/a/noarch/x")).toEqual(["https://m1.example/noarch/x"]);
    expect(candidates("https://c.example/a/private/noarch/x")).toEqual(["https://m2.example/noarch/x"]);
    expect(candidates("https://c.example/ab")).toEqual(["https://c.example/ab"]);
  });

  it("are all tried again when all have failed", () => {
    const mirrors = createMirrors({ "https://c.example": ["https://m1.example", "https://m2.example"] });
    mirrors.fail("https://m1.example/x");
    expect(mirrors.candidates("https://c.example/x")).toEqual(["https://m2.example/x"]);
    mirrors.fail("https://m2.example/x");
    expect(mirrors.candidates("https://c.example/x")).toEqual([
      "https://m1.example/x",
      "https://m2.example/x",
    ]);
  });
});
