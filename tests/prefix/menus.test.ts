import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { desktopEntries, slug } from "../../src/plan/menu.ts";
import { removeEnvironment } from "../../src/prefix/remove-environment.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import { defaultOptions, makePackage, sandbox } from "../support/extracted.ts";

const document = {
  menu_name: "Tools of {{ ENV_NAME }}",
  menu_items: [
    {
      name: "Say it's 100%",
      command: ["{{ PREFIX }}/bin/say", "it's $5 `x` 100%", "%F"],
      description: "line\nExec=evil",
      icon: "{{ MENU_DIR }}/x.{{ ICON_EXT }}",
      terminal: true,
      platforms: { linux: { Categories: ["Utility", "a;b"], StartupNotify: false, Evil: "x" }, win: null },
    },
    { name: "Not here", command: ["x"], platforms: { osx: {} } },
  ],
};
const context = { prefix: "/envs/my env", rootPrefix: "/root", home: "/home/u" };

describe("menuinst documents on Linux", () => {
  test("become desktop entries; values stay in their line", () => {
    const entries = desktopEntries(document, context);
    expect(entries.map((entry) => entry.fileName)).toEqual(["tools-of-my-env_say-its-100.desktop"]);
    const lines = entries[0]!.text.trimEnd().split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "[Desktop Entry]",
      "Type=Application",
      "Encoding=UTF-8",
      "Name=Say it's 100%",
    ]);
    expect(lines).toContain("Comment=line Exec=evil");
    expect(lines).toContain("Icon=/envs/my env/Menu/x.png");
    expect(lines).toContain("Terminal=true");
    expect(lines).toContain("Categories=Utility;a\\;b;");
    expect(lines.filter((line) => line.startsWith("Exec="))).toHaveLength(1);
    expect(lines.some((line) => line.startsWith("Evil"))).toBe(false);
  });

  test("names cannot leave the directory, and rubbish makes no entries", () => {
    expect(slug("../../../etc/Passwd")).toBe("etcpasswd");
    for (const bad of [
      null,
      [],
      {},
      { menu_name: 1 },
      {
        menu_name: "x",
        menu_items: [1, null, { name: "x" }, { name: "x", command: [], platforms: { linux: {} } }],
      },
    ]) {
      expect(desktopEntries(bad, context)).toEqual([]);
    }
  });

  test("entries come and go with their package, and start its command in the environment", async () => {
    const box = sandbox("my env");
    const menuDirectory = join(box.root, "applications");
    const app = makePackage(box.pkgs, {
      name: "app",
      files: {
        "Menu/app.json": JSON.stringify(document),
        "bin/say": { content: '#!/bin/sh\nprintf "%s|" "$CONDA_PREFIX" "$FROM_SCRIPT" "$@"\n', mode: 0o755 },
        "etc/conda/activate.d/a.sh": "export FROM_SCRIPT=yes\n",
      },
    });
    const options = { shortcuts: true, menuDirectory };
    await box.set([app], options);
    expect(readdirSync(menuDirectory)).toEqual(["tools-of-my-env_say-its-100.desktop"]);
    const text = readFileSync(join(menuDirectory, readdirSync(menuDirectory)[0]!), "utf8");
    const exec = /^Exec=(.*)$/m.exec(text)![1]!;
    // As a desktop does it: undo the string escape, replace field codes, let a shell split the quoted words.
    const command = exec
      .replace(/\\\\/g, "\\")
      .replace(/%%/g, "\0")
      .replace(/%F/g, "'a file'")
      .replace(/\0/g, "%");
    expect(execFileSync("sh", ["-c", command], { encoding: "utf8" })).toBe(
      `${box.prefix}|yes|it's $5 \`x\` 100%|a file|`,
    );
    await box.set([], options);
    expect(readdirSync(menuDirectory)).toEqual([]);
    await box.set([app], options);
    await removeEnvironment(
      box.prefix,
      { ...defaultOptions, ...options },
      { pool: createPool({ size: 1, mode: "inline", handlers }), events: () => {} },
    );
    expect(readdirSync(menuDirectory)).toEqual([]);
    expect(existsSync(box.prefix)).toBe(false);
  });
});
