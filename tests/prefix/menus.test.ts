import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { menuPlans, slug } from "../../src/plan/menu.ts";
import { changeTerminalSettings } from "../../src/prefix/menus.ts";
import { removeEnvironment } from "../../src/prefix/remove-environment.ts";
import { handlers } from "../../src/worker.ts";
import { createPool } from "../../src/workers/pool.ts";
import { defaultOptions, makePackage, sandbox, scratchRoot } from "../support/extracted.ts";

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
const context = {
  platform: "linux-64",
  prefix: "/envs/my env",
  rootPrefix: "/root",
  home: "/home/u",
  folders: { applications: "/home/u/apps" },
};
const entriesOf = (from: unknown, more: object = {}) =>
  menuPlans(from, { ...context, ...more }).map((plan) => {
    const [file] = plan.files;
    return { path: file!.path, text: "content" in file! ? String(file.content) : "" };
  });

test("settings of Windows Terminal get a profile; those that cannot be read are left alone", async () => {
  const { prefix } = sandbox();
  mkdirSync(prefix, { recursive: true });
  const [fresh, other, missing] = ["fresh.json", "other.json", "none/settings.json"].map((name) =>
    join(prefix, name),
  );
  await changeTerminalSettings([fresh!, missing!], { name: "A", commandline: "a" }, "add");
  expect(JSON.parse(readFileSync(fresh!, "utf8")).profiles.list).toEqual([{ name: "A", commandline: "a" }]);
  expect(existsSync(missing!)).toBe(false);
  // A link in a circle is there, but nobody can read it, not even root.
  symlinkSync(other!, other!);
  const change = changeTerminalSettings([other!], { name: "A", commandline: "a" }, "add");
  await expect(change).rejects.toMatchObject({ code: "io-error" });
  expect(readlinkSync(other!)).toBe(other);
});

describe("menuinst documents on Linux", () => {
  test("become desktop entries; values stay in their line", () => {
    const entries = entriesOf(document);
    expect(entries.map((entry) => entry.path)).toEqual(["/home/u/apps/tools-of-my-env_say-its-100.desktop"]);
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
      for (const platform of ["linux-64", "osx-arm64", "win-64", "emscripten-wasm32"])
        expect(menuPlans(bad, { ...context, platform })).toEqual([]);
    }
  });

  test("the name may depend on the environment; lists may be written as one text; precommand runs first", () => {
    const item = {
      name: { target_environment_is_base: "Base", target_environment_is_not_base: "Other" },
      command: ["x", "{{ MENU_ITEM_LOCATION }}"],
      precommand: "echo first",
      platforms: { linux: { Categories: "Utility;Science;" } },
    };
    const menu = { menu_name: "m", menu_items: [item] };
    const [other] = entriesOf(menu);
    expect(other).toMatchObject({ path: "/home/u/apps/m_other.desktop" });
    expect(other!.text).toContain("\nCategories=Utility;Science;\n");
    expect(other!.text).toContain("'/home/u/apps/m_other.desktop'");
    expect(other!.text).toMatch(/Exec=sh -c "echo first; export CONDA_PREFIX=/);
    expect(entriesOf(menu, { rootPrefix: context.prefix })[0]!.path).toBe("/home/u/apps/m_base.desktop");
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

describe("MIME types on Linux", () => {
  const menu = {
    menu_name: "m",
    menu_items: [
      {
        name: 'Say <&"',
        command: ["x", "%f"],
        platforms: {
          linux: {
            MimeType: ["application/x-say", "text/plain", "no type", "application/x-bad", "x/{{ ENV_NAME }}"],
            glob_patterns: {
              "application/x-say": '*.say"/><evil/>',
              "application/x-other": "*.other",
              "no type": "*.no",
              "application/x-bad": 3,
              "x/my env": "*.env",
            },
          },
        },
      },
    ],
  };

  test("those with a pattern are registered in one file of the item; texts cannot leave their place", () => {
    const folders = { applications: "/home/u/apps", mime: "/home/u/mime" };
    const [plan] = menuPlans(menu, { ...context, folders });
    const [entry, types] = plan!.files;
    expect(types).toEqual({
      path: "/home/u/mime/packages/m_say.xml",
      mode: 0o644,
      content: `<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="application/x-say">
    <comment>Say &#60;&#38;&#34; (*.say&#34;/&#62;&#60;evil/&#62;)</comment>
    <glob pattern="*.say&#34;/&#62;&#60;evil/&#62;"/>
  </mime-type>
</mime-info>
`,
    });
    expect(plan!.remove).toEqual([entry!.path, types!.path]);
    expect(plan!.afterCreate).toEqual([
      { command: ["update-mime-database", "/home/u/mime"], optional: true },
      { command: ["update-desktop-database", "/home/u/apps"], optional: true },
    ]);
    expect(plan!.afterRemove).toEqual(plan!.afterCreate);
  });

  const programs = join(scratchRoot(), "no-programs");
  test.runIf(process.platform === "linux").each([
    ["with the system's programs", undefined],
    ["where there are none", programs],
  ])("come and go with their package, %s", async (_, path) => {
    const box = sandbox("my env");
    const app = makePackage(box.pkgs, { name: "app", files: { "Menu/app.json": JSON.stringify(menu) } });
    const env = {
      ...defaultOptions.env,
      XDG_DATA_HOME: join(box.root, "data"),
      ...(path ? { PATH: path } : {}),
    };
    const data = (file: string) => join(box.root, "data", file);
    await box.set([app], { shortcuts: true, env });
    expect(readdirSync(data("applications")).filter((name) => name.endsWith(".desktop"))).toEqual([
      "m_say.desktop",
    ]);
    expect(readdirSync(data("mime/packages"))).toEqual(["m_say.xml"]);
    // Written by update-mime-database, where this machine has it.
    const known = existsSync(data("mime/globs2")) ? readFileSync(data("mime/globs2"), "utf8") : undefined;
    if (known !== undefined) expect(known).toMatch(/^\d+:application\/x-say:\*\.say"\/><evil\/>$/m);
    expect(known === undefined).toBe(path !== undefined || !existsSync("/usr/bin/update-mime-database"));
    await box.set([], { shortcuts: true, env });
    expect(readdirSync(data("applications")).filter((name) => name.endsWith(".desktop"))).toEqual([]);
    expect(readdirSync(data("mime/packages"))).toEqual([]);
    if (known !== undefined) expect(readFileSync(data("mime/globs2"), "utf8")).not.toContain("x-say");
    expect(box.events.filter((event) => event.type === "warning")).toEqual([]);
  });
});

describe("bundles of macOS, made on this machine", () => {
  const menu = (name: string) =>
    JSON.stringify({
      menu_name: "m",
      menu_items: [
        {
          name,
          command: ["{{ PREFIX }}/bin/say", "it's"],
          icon: "{{ MENU_DIR }}/say.{{ ICON_EXT }}",
          precreate: 'touch "{{ PREFIX }}/precreated"',
          platforms: { osx: { link_in_bundle: { "{{ PREFIX }}/bin/say": "Contents/Resources/say" } } },
        },
      ],
    });
  const app = (box: ReturnType<typeof sandbox>, version = "1.0") =>
    makePackage(box.pkgs, {
      name: "app",
      version,
      files: {
        "Menu/app.json": menu(version === "1.0" ? "Say" : "Say more"),
        "Menu/say.icns": "icon",
        "bin/say": { content: '#!/bin/sh\nprintf "%s|" "$CONDA_PREFIX" "$@"\n', mode: 0o755 },
      },
    });

  test("start the command in the environment, follow an upgrade, and go with their package", async () => {
    const box = sandbox("my env");
    const menuDirectory = join(box.root, "Applications");
    const options = { shortcuts: true, menuDirectory, platform: "osx-64" };
    await box.set([app(box)], options);
    const bundle = join(menuDirectory, "Say.app");
    const say = () => execFileSync(join(bundle, "Contents/MacOS/say"), { encoding: "utf8" });
    expect(say()).toBe(`${box.prefix}|it's|`);
    expect(readFileSync(join(bundle, "Contents/Resources/say.icns"), "utf8")).toBe("icon");
    expect(readlinkSync(join(bundle, "Contents/Resources/say"))).toBe(join(box.prefix, "bin/say"));
    expect(existsSync(join(box.prefix, "precreated"))).toBe(true);
    expect(box.events.filter((event) => event.type === "warning")).toEqual([]);
    await box.set([app(box, "2.0")], options);
    expect(readdirSync(menuDirectory)).toEqual(["Say more.app"]);
    await box.set([], options);
    expect(readdirSync(menuDirectory)).toEqual([]);
  });

  test("an application of the same name that is not ours is left alone, with a warning", async () => {
    const box = sandbox();
    const menuDirectory = join(box.root, "Applications");
    mkdirSync(join(menuDirectory, "Say.app/Contents/MacOS"), { recursive: true });
    writeFileSync(join(menuDirectory, "Say.app/Contents/MacOS/say"), "somebody's");
    const options = { shortcuts: true, menuDirectory, platform: "osx-64" };
    await box.set([app(box)], options);
    expect(box.events.find((event) => event.type === "warning")).toMatchObject({
      code: "menu",
      message: expect.stringContaining("Say.app` is there already"),
    });
    await box.set([], options);
    expect(readFileSync(join(menuDirectory, "Say.app/Contents/MacOS/say"), "utf8")).toBe("somebody's");
  });

  test("nothing is made for another system, without shortcuts, or for Windows on this one", async () => {
    const box = sandbox();
    const menuDirectory = join(box.root, "Applications");
    await box.set([app(box)], { shortcuts: true, platform: "osx-64", env: { HOME: box.root, PATH: "/bin" } });
    await box.set([]);
    await box.set([app(box)], { shortcuts: false, platform: "osx-64", menuDirectory });
    await box.set([]);
    await box.set([app(box)], { shortcuts: true, platform: "win-64", menuDirectory });
    expect(existsSync(menuDirectory)).toBe(process.platform === "darwin");
    expect(box.events.filter((event) => event.type === "warning")).toEqual([]);
  });

  test("precreate code is a script: it does not run where scripts may not", async () => {
    const box = sandbox();
    const menuDirectory = join(box.root, "Applications");
    await box.set([app(box)], { shortcuts: true, menuDirectory, platform: "osx-64", linkScripts: "skip" });
    expect(readdirSync(menuDirectory)).toEqual(["Say.app"]);
    expect(existsSync(join(box.prefix, "precreated"))).toBe(false);
  });
});
