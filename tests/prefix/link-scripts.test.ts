import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  envSiblings,
  makePackage,
  prefixText,
  type Sandbox,
  sandbox,
  snapshot,
} from "../support/extracted.ts";

describe("link scripts", () => {
  const scripts = (
    box: Sandbox,
    post = `echo "$PREFIX $PKG_NAME $PKG_VERSION $PKG_BUILDNUM $ROOT_PREFIX" > "$PREFIX/post"; echo hello >> "$PREFIX/.messages.txt"`,
  ) =>
    makePackage(box.pkgs, {
      name: "link-scripts",
      files: {
        "bin/.link-scripts-post-link.sh": { content: `#!/bin/bash\n${post}\n`, mode: 0o755 },
        "bin/.link-scripts-pre-unlink.sh": {
          content: `#!/bin/bash\necho bye > "$PREFIX/../unlinked"\n`,
          mode: 0o755,
        },
        "share/ls.txt": "ls\n",
      },
    });
  test("run with conda's variables and messages", async () => {
    const box = sandbox();
    await box.set([scripts(box)]);
    expect(prefixText(box, "post")).toBe(`${box.prefix} link-scripts 1.0 0 /nonexistent/root\n`);
    expect(box.events.find((event) => event.type === "script")).toMatchObject({
      id: "link-scripts-1.0-0",
      action: "post-link",
      output: "hello",
    });
    expect(existsSync(join(box.prefix, ".messages.txt"))).toBe(false);
    expect(readdirSync(join(box.prefix, "conda-meta")).sort()).toEqual([
      "history",
      "link-scripts-1.0-0.json",
    ]);
    await box.set([]);
    expect(readFileSync(join(box.root, "envs/unlinked"), "utf8")).toBe("bye\n");
  });
  test("pre-link runs from the package cache before anything is linked", async () => {
    const box = sandbox();
    const script = `#!/bin/sh\nls "$PREFIX/lib" >"${box.root}/lib-before"; ls "$SOURCE_DIR" >"${box.root}/source"\n`;
    const files = { "bin/.early-pre-link.sh": { content: script, mode: 0o755 }, "lib/a": "a" };
    const early = makePackage(box.pkgs, { name: "early", files });
    for (const linkScripts of ["skip", "run"] as const) {
      await box.set([], { linkScripts });
      await box.set([early], { linkScripts });
      expect(existsSync(join(box.root, "lib-before")), linkScripts).toBe(linkScripts === "run");
    }
    expect(readFileSync(join(box.root, "lib-before"), "utf8")).toBe("");
    expect(prefixText(box, "lib/a")).toBe("a");
  });
  test("skip does not run them, fail refuses the package", async () => {
    const box = sandbox();
    await expect(box.set([scripts(box)], { linkScripts: "fail" })).rejects.toMatchObject({
      code: "script-failed",
    });
    expect(existsSync(box.prefix)).toBe(false);
    await box.set([scripts(box)], { linkScripts: "skip" });
    expect(existsSync(join(box.prefix, "post"))).toBe(false);
  });
  test("a failing post-link script takes everything back", async () => {
    const box = sandbox();
    await expect(box.set([scripts(box, "echo no; exit 3")])).rejects.toMatchObject({ code: "script-failed" });
    expect(envSiblings(box)).toEqual([]);
    await box.set([makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } })]);
    const before = snapshot(box.prefix);
    await expect(box.set([scripts(box, "exit 3")])).rejects.toMatchObject({ code: "script-failed" });
    expect(snapshot(box.prefix)).toEqual(before);
  });
});

describe("link scripts of a transaction that fails", () => {
  const package_ = (box: Sandbox, name: string, script: string, version = "1.0", action = "post-link") =>
    makePackage(box.pkgs, {
      name,
      version,
      files: { [`bin/.${name}-${action}.sh`]: { content: `#!/bin/sh\n${script}\n`, mode: 0o755 } },
    });
  test("leave nothing of what they did in an environment: new, replaced, changed and removed files", async () => {
    const box = sandbox();
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "a", "lib/b": "b", "bin/x": "x" } });
    const old = package_(
      box,
      "old",
      'rm -rf "$PREFIX/mine"; echo gone > "$PREFIX/lib/gone"',
      "1.0",
      "pre-unlink",
    );
    await box.set([a, old]);
    mkdirSync(join(box.prefix, "mine"));
    writeFileSync(join(box.prefix, "mine/cache"), "user's");
    const before = snapshot(box.prefix);
    const first = package_(
      box,
      "first",
      'cd "$PREFIX"; mkdir -p var/cache; echo x > var/cache/x; echo changed >> mine/cache; rm lib/a; echo other > lib/.b; mv lib/.b lib/b; chmod 700 bin/x',
    );
    const last = package_(box, "last", "exit 3");
    await expect(box.set([a, first, last])).rejects.toMatchObject({ code: "script-failed" });
    expect(snapshot(box.prefix)).toEqual(before);
    expect(box.events.filter((event) => event.type === "warning")).toEqual([]);
    // The package cache has its files, too.
    expect(readFileSync(join(a.extracted_package_dir, "lib/b"), "utf8")).toBe("b");
  });
  test("a file of the package cache that a script wrote into is mended, in the cache, too, whatever its size", async () => {
    const box = sandbox();
    const large = "x".repeat(1024 * 1024 + 1);
    const a = makePackage(box.pkgs, { name: "a", files: { "lib/a": "a", "lib/large": large } });
    await box.set([a]);
    const script = 'echo more >> "$PREFIX/lib/a"; echo more >> "$PREFIX/lib/large"; exit 1';
    await expect(box.set([a, package_(box, "bad", script)])).rejects.toMatchObject({ code: "script-failed" });
    expect(readFileSync(join(a.extracted_package_dir, "lib/a"), "utf8")).toBe("a");
    expect(lstatSync(join(a.extracted_package_dir, "lib/a")).ino).toBe(
      lstatSync(join(box.prefix, "lib/a")).ino,
    );
    expect(prefixText(box, "lib/large") === large).toBe(true);
    expect(readFileSync(join(a.extracted_package_dir, "lib/large"), "utf8") === large).toBe(true);
    expect(box.events.filter((event) => event.type === "warning")).toEqual([]);
  });
  test("leave nothing when they are interrupted, and the failure is not about their shell", async () => {
    const box = sandbox();
    await box.set([makePackage(box.pkgs, { name: "a", files: { "lib/a": "a" } })]);
    const before = snapshot(box.prefix);
    const started = join(box.root, "started");
    const endless = package_(box, "endless", `touch "$PREFIX/made" "${started}"; sleep 600`);
    const abort = new AbortController();
    const change = box.set([endless], { signal: abort.signal });
    const failed = expect(change).rejects.toMatchObject({ code: "interrupted", message: "interrupted" });
    await expect.poll(() => existsSync(started), { timeout: 20_000 }).toBe(true);
    abort.abort();
    await failed;
    expect(snapshot(box.prefix)).toEqual(before);
  });
  test("what they did stays when it succeeds, and no names are kept", async () => {
    const box = sandbox();
    await box.set([]);
    await box.set([package_(box, "good", 'echo kept > "$PREFIX/made"')]);
    expect(prefixText(box, "made")).toBe("kept\n");
    expect(readdirSync(join(box.prefix, "conda-meta")).sort()).toEqual(["good-1.0-0.json", "history"]);
  });
});
