import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  findStoredAuth,
  redactText,
  redactUrl,
  splitCredentials,
  withCredentials,
} from "../../src/specs/credentials.ts";

/** Long enough that it cannot occur in the rest of a URL by chance. */
const secret = fc.stringMatching(/^S[A-Za-z0-9._~!$&'()*+,;=%-]{8,24}$/);
const host = fc.constantFrom("repo.example.com", "localhost:8080", "10.0.0.1", "[::1]:443", "bücher.example");
const scheme = fc.constantFrom(
  "https://",
  "http://",
  "s3://",
  "oci://",
  "ftp://",
  "HTTPS://",
  "https:/",
  "https:\\\\",
);
const path = fc.constantFrom("", "/", "/conda-forge", "/a/b/linux-64/x-1-0.conda", "/conda-forge/label/dev/");

interface Hidden {
  url: string;
  secrets: string[];
}

const credentialed: fc.Arbitrary<Hidden> = fc
  .record({
    scheme,
    host,
    path,
    user: fc.option(secret, { nil: undefined }),
    password: fc.option(secret, { nil: undefined }),
    tokens: fc.array(secret, { maxLength: 2 }),
    before: fc.constantFrom("", "/conda", "/artifactory/api"),
    query: fc.option(fc.tuple(fc.constantFrom("token=", "X-Amz-Signature=", ""), secret), { nil: undefined }),
    fragment: fc.constantFrom("", "#0123456789abcdef0123456789abcdef"),
  })
  .map(({ user, password, tokens, query, ...rest }) => {
    const userinfo = user === undefined ? "" : `${user}${password === undefined ? "" : `:${password}`}@`;
    const token = tokens.map((each) => `/t/${each}`).join("");
    const tail = query === undefined ? "" : `?${query[0]}${query[1].replaceAll("&", "")}`;
    const used = [user, user === undefined ? undefined : password, ...tokens, query?.[1].replaceAll("&", "")];
    return {
      url: `${rest.scheme}${userinfo}${rest.host}${rest.before}${token}${rest.path}${tail}${rest.fragment}`,
      secrets: used.filter((each): each is string => each !== undefined),
    };
  });

describe("secrets in URLs", () => {
  it("none survives redactUrl", () => {
    fc.assert(
      fc.property(credentialed, ({ url, secrets }) => {
        const shown = redactUrl(url);
        for (const each of secrets) expect(shown).not.toContain(each);
      }),
      { numRuns: 1500 },
    );
  });

  it("none survives in the URL that splitCredentials leaves", () => {
    fc.assert(
      fc.property(credentialed, ({ url, secrets }) => {
        const split = splitCredentials(url);
        for (const each of secrets) expect(split.url).not.toContain(each);
      }),
      { numRuns: 1500 },
    );
  });

  it("none survives inside a longer text", () => {
    fc.assert(
      fc.property(credentialed, ({ url, secrets }) => {
        fc.pre(!url.startsWith("https:\\"));
        const shown = redactText(`error: cannot get ${url} (attempt 2), nor "${url}"`);
        for (const each of secrets) expect(shown).not.toContain(each);
        expect(shown).toContain("(attempt 2)");
      }),
      { numRuns: 1000 },
    );
  });

  it("redacting twice changes nothing, and any text is accepted", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          credentialed.map(({ url }) => url),
        ),
        (text) => {
          const once = redactUrl(text);
          expect(redactUrl(once)).toBe(once);
          expect(splitCredentials(splitCredentials(text).url).url).toBe(splitCredentials(text).url);
          withCredentials(text, { token: "t", user: "u" });
        },
      ),
      { numRuns: 800 },
    );
  });

  it("splitting and joining gives the URL back", () => {
    for (const url of [
      "https://user:p%40ss@host/chan",
      "https://user@host/chan",
      "https://host/t/tk-1/chan/linux-64",
      "https://host:8080/conda/t/tk-1/chan",
      "https://u:p@host/t/tk/chan",
      "https://host/chan?token=abc",
      "https://host/chan/x-1-0.conda#0123456789abcdef0123456789abcdef",
    ]) {
      const { url: bare, auth } = splitCredentials(url);
      expect(withCredentials(bare, auth)).toBe(url);
    }
  });

  it("puts credentials of a channel into URLs below it", () => {
    const { auth } = splitCredentials("https://host/conda/t/tk/chan");
    expect(withCredentials("https://host/conda/chan/noarch/repodata.json", auth)).toBe(
      "https://host/conda/t/tk/chan/noarch/repodata.json",
    );
    expect(withCredentials("https://other/x", auth)).toBe("https://other/t/tk/x");
    expect(withCredentials("https://own:pw@host/chan", { user: "foo", password: "weak" })).toBe(
      "https://own:pw@host/chan",
    );
  });

  it("finds a raw slash or at-sign in a password", () => {
    expect(redactUrl("https://user:pa/ss@host/chan")).toBe("https://*****:*****@host/chan");
    expect(redactUrl("https://user:p@ss@host/chan")).toBe("https://*****:*****@host/chan");
    expect(splitCredentials("https://user:pa/ss@host/chan").url).toBe("https://host/chan");
    expect(redactUrl("user:secret@host/chan")).not.toContain("secret");
  });

  it("hides secrets in quoted URLs of messages", () => {
    expect(redactText("see 'https://u:p@host/x'.")).toBe("see 'https://*****:*****@host/x'.");
  });

  it("leaves what is no secret alone", () => {
    for (const text of [
      "conda-forge",
      "conda-forge/label/dev",
      "https://host:8080/@scope/chan",
      "https://[::1]:80/chan",
      "file:///tmp/t/build/channel",
      "/tmp/t/build/channel",
      "./t/x/chan",
      "C:\\t\\x\\chan",
      "https://host/c/a-1-0.conda#sha256:72d143408507043628b32bed089730b6d5f5445eccc44b59911ec9f262e365e7",
      "numpy >=1.2",
    ]) {
      expect(redactUrl(text)).toBe(text);
      expect(splitCredentials(text)).toEqual({ url: text });
    }
  });

  it("a long hostile text costs linear time", () => {
    for (const unit of [":", "a", "/", "@", "https:", "/t/", "a:/", "?", "#", "a:b@"]) {
      const text = unit.repeat(200_000 / unit.length);
      redactUrl(text);
      redactText(text);
      splitCredentials(`https://${text}`);
      withCredentials(`https://h/${text}`, { token: "x" });
    }
  });

  it("looks up the authentication store by host and the longest path", () => {
    const store = {
      "host.org": { type: "CondaToken", token: "a" },
      "host.org/private": { type: "BasicHTTPAuthentication", user: "u@x", password: "p/w" },
      "host.org:8080": { type: "BearerToken", token: "b" },
    } as const;
    expect(findStoredAuth("https://host.org/chan", store)).toEqual({ token: "a" });
    expect(findStoredAuth("https://host.org/private/chan/noarch", store)).toEqual({
      user: "u%40x",
      password: "p%2Fw",
    });
    expect(findStoredAuth("https://host.org/privateer", store)).toEqual({ token: "a" });
    expect(findStoredAuth("https://host.org:8080/chan", store)).toEqual({ bearer: "b" });
    expect(findStoredAuth("https://nothost.org/chan", store)).toBeUndefined();
    expect(findStoredAuth("https://constructor/chan", store)).toBeUndefined();
  });
});
