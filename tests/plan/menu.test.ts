import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { appleScriptText, compileApplet, eventApplet } from "../../src/plan/apple-events.ts";
import { menuPlans } from "../../src/plan/menu.ts";
import { fileName, type MenuContext } from "../../src/plan/menu-item.ts";
import { propertyList } from "../../src/plan/menu-macos.ts";
import { quoteArgument } from "../../src/plan/menu-windows.ts";
import { shellLink } from "../../src/plan/shell-link.ts";
import { withTerminalProfile } from "../../src/plan/terminal-profile.ts";
import { parseShellFolder, windowsFolders } from "../../src/prefix/menu-folders.ts";

const env = {
  APPDATA: "C:\\Users\\Ann\\AppData\\Roaming",
  LOCALAPPDATA: "C:\\Users\\Ann\\AppData\\Local",
  USERPROFILE: "C:\\Users\\Ann",
  SystemRoot: "C:\\Windows",
};
const windows: MenuContext = {
  platform: "win-64",
  prefix: "C:\\envs\\my env",
  rootPrefix: "C:\\root",
  home: "C:\\Users\\Ann",
  folders: windowsFolders(env, undefined)!,
};
const item = {
  name: "Say it",
  command: ["{{ PYTHON }}", "-m", "say it", "100"],
  icon: "{{ MENU_DIR }}/say.{{ ICON_EXT }}",
  description: "Says it",
};
const planOf = (own: object, context: MenuContext, more: object = {}) =>
  menuPlans(
    { menu_name: "Tools: {{ ENV_NAME }}", menu_items: [{ ...item, ...more, platforms: own }] },
    context,
  )[0]!;
const countOf = (own: unknown, context: MenuContext) =>
  menuPlans({ menu_name: "M", menu_items: [{ ...item, platforms: own }] }, context).length;
const contentOf = (plan: ReturnType<typeof planOf>, ending: string): string => {
  const file = plan.files.find(({ path }) => path.endsWith(ending));
  return file && "content" in file ? String(file.content) : "";
};

/** A shortcut as MS-SHLLINK says it is read. */
function readLink(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const wide = (at: number, length: number): string =>
    Buffer.from(bytes.subarray(at, at + 2 * length)).toString("utf16le");
  expect(view.getUint32(0, true)).toBe(0x4c);
  expect(Buffer.from(bytes.subarray(4, 20)).toString("hex")).toBe("0114020000000000c000000000000046");
  const flags = view.getUint32(20, true);
  // Neither a list of items nor link information, UTF-16, the target in the environment block.
  expect(flags & 0x283).toBe(0x280);
  const strings: Record<string, string> = {};
  let at = 0x4c;
  for (const [bit, name] of [
    [0x4, "name"],
    [0x8, "relative"],
    [0x10, "directory"],
    [0x20, "args"],
    [0x40, "icon"],
  ] as const) {
    if (!(flags & bit)) continue;
    const length = view.getUint16(at, true);
    strings[name] = wide(at + 2, length);
    at += 2 + 2 * length;
  }
  const blocks: Record<string, string> = {};
  for (let size = view.getUint32(at, true); size >= 4; size = view.getUint32(at, true)) {
    const signature = view.getUint32(at + 4, true);
    if (signature === 0xa0000001) {
      expect(size).toBe(0x314);
      blocks["target"] = wide(at + 8 + 260, 260).replace(/\0.*$/s, "");
      blocks["ansi"] = Buffer.from(bytes.subarray(at + 8, at + 268))
        .toString("latin1")
        .replace(/\0.*$/s, "");
    } else if (signature === 0xa0000009) {
      const storage = at + 8;
      expect(view.getUint32(storage + 4, true)).toBe(0x53505331);
      expect(Buffer.from(bytes.subarray(storage + 8, storage + 24)).toString("hex")).toBe(
        "55284c9f799f394ba8d0e1d42de1d5f3",
      );
      const value = storage + 24;
      expect(view.getUint32(value + 4, true)).toBe(5);
      expect(view.getUint16(value + 9, true)).toBe(0x1f);
      const length = view.getUint32(value + 13, true);
      blocks["appId"] = wide(value + 17, length - 1);
      // Both lists end with a zero, right where their sizes say.
      const next = value + view.getUint32(value, true);
      expect(view.getUint32(next, true)).toBe(0);
      expect(storage + view.getUint32(storage, true)).toBe(next + 4);
      expect(view.getUint32(next + 4, true)).toBe(0);
      expect(at + size).toBe(next + 8);
    }
    at += size;
  }
  expect(at + 4).toBe(bytes.length);
  return { ...strings, ...blocks, show: view.getUint32(60, true) };
}

test("an item is for the platforms that it names, with an object or with true", () => {
  expect(countOf({ win: {} }, windows)).toBe(1);
  expect(countOf({ win: true }, windows)).toBe(1);
  for (const own of [{ win: false }, { win: null }, { linux: {} }, {}, [], "win"])
    expect(countOf(own, windows), JSON.stringify(own)).toBe(0);
});

describe("shortcuts of Windows", () => {
  test("are read again as they were written", () => {
    const link = {
      target: "C:\\Prögram\\x.exe",
      args: "a “b”",
      description: "d",
      workingDirectory: "%USERPROFILE%",
      icon: "C:\\i.ico",
      appId: "Menuinst.x",
    };
    expect(readLink(shellLink(link)!)).toEqual({
      name: "d",
      directory: "%USERPROFILE%",
      args: "a “b”",
      icon: "C:\\i.ico",
      target: "C:\\Prögram\\x.exe",
      ansi: "C:\\Pr?gram\\x.exe",
      appId: "Menuinst.x",
      show: 1,
    });
    expect(readLink(shellLink({ target: "x", minimised: true, description: "y".repeat(400) })!)).toEqual({
      name: "y".repeat(259),
      target: "x",
      ansi: "x",
      show: 7,
    });
    for (const appId of ["a.b", "a.bc", "a.bcd", "a.bcde"])
      expect(readLink(shellLink({ target: "x", appId })!)).toMatchObject({ appId });
    expect(shellLink({ target: "x".repeat(260) })).toBeUndefined();
    expect(readLink(shellLink({ target: "x".repeat(259) })!)).toMatchObject({ target: "x".repeat(259) });
  });

  const known = spawnSync("file", ["--version"]).status === 0;
  test.skipIf(!known)("are shortcuts to others, too (file)", () => {
    const bytes = shellLink({ target: "C:\\x.exe", args: "-v", description: "Says it", icon: "C:\\i.ico" })!;
    const said = execFileSync("file", ["-b", "-"], { input: bytes, encoding: "utf8" });
    expect(said).toMatch(/^MS Windows shortcut/);
    expect(said).toMatch(/arguments/i);
  });
});

describe("menu items on Windows", () => {
  test("stand in the start menu and on the desktop, and start a batch file that activates", () => {
    const plan = planOf({ win: {} }, windows);
    const start = "C:\\Users\\Ann\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Tools_ my env";
    const script = "C:\\envs\\my env\\Menu\\Say it.bat";
    expect(plan.remove).toEqual([`${start}\\Say it.lnk`, "C:\\Users\\Ann\\Desktop\\Say it.lnk", script]);
    expect(plan.removeIfEmpty).toEqual([start]);
    expect(plan.files.map(({ path }) => path).sort()).toEqual([...plan.remove].sort());
    const link = plan.files.find(({ path }) => path.endsWith(".lnk"))!;
    expect("content" in link && readLink(link.content as Uint8Array)).toEqual({
      name: "Says it",
      directory: "%USERPROFILE%",
      args: `/D /C START /MIN "" "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe" -WindowStyle hidden "start '${script}' -WindowStyle hidden"`,
      icon: "C:\\envs\\my env\\Menu\\say.ico",
      target: "C:\\Windows\\System32\\cmd.exe",
      ansi: "C:\\Windows\\System32\\cmd.exe",
      appId: "Menuinst.say-it",
      show: 1,
    });
    expect(contentOf(plan, ".bat").split("\r\n")).toEqual([
      "@ECHO OFF",
      'SET "CONDA_PREFIX=C:\\envs\\my env"',
      'SET "CONDA_SHLVL=1"',
      expect.stringMatching(
        /^SET "PATH=C:\\envs\\my env;C:\\envs\\my env\\Library\\mingw-w64\\bin;.*;%PATH%"$/,
      ),
      'FOR %%S IN ("C:\\envs\\my env\\etc\\conda\\activate.d\\*.bat") DO @CALL "%%S"',
      '"C:\\envs\\my env\\python.exe" -m "say it" 100 %*',
      "",
    ]);
    expect(plan.afterCreate).toEqual([]);
  });

  test("places, terminals and programs without activation are as the document says", () => {
    const plain = planOf({ win: { desktop: false, quicklaunch: true } }, windows, { activate: false });
    expect(plain.files.map(({ path }) => path.split("\\").at(-2))).toEqual(["Tools_ my env", "Quick Launch"]);
    const link = plain.files[0]!;
    expect("content" in link && readLink(link.content as Uint8Array)).toMatchObject({
      target: "C:\\envs\\my env\\python.exe",
      args: '-m "say it" 100',
    });
    const terminal = planOf({ win: { terminal_profile: "Say {{ ENV_NAME }}" } }, windows, {
      terminal: true,
      precommand: "chcp 1252",
      working_dir: "{{ HOME }}/w",
    });
    expect(terminal.profile).toEqual({
      name: "Say my env",
      commandline: 'C:\\Windows\\System32\\cmd.exe /D /S /K ""C:\\envs\\my env\\Menu\\Say it.bat""',
      icon: "C:\\envs\\my env\\Menu\\say.ico",
      startingDirectory: "C:\\Users\\Ann\\w",
    });
    expect(contentOf(terminal, ".bat")).toMatch(/^@ECHO OFF\r\nchcp 1252\r\nSET/);
    const odd = planOf({ win: {} }, { ...windows, prefix: "C:\\100% é" });
    expect(contentOf(odd, ".bat")).toMatch(/^@CHCP 65001 >NUL\r\n.*CONDA_PREFIX=C:\\100%% é"/s);
  });

  test("file types and protocols are the user's own, and go again", () => {
    const plan = planOf(
      {
        win: {
          file_extensions: [".SAY", ".say", ".b\\ad", "bad"],
          url_protocols: ["say", "no good", "x\\y"],
        },
      },
      windows,
    );
    const script = "C:\\envs\\my env\\Menu\\Say it.bat";
    const open = `C:\\Windows\\System32\\cmd.exe /D /S /C ""${script}" "%1""`;
    const classes = "HKEY_CURRENT_USER\\Software\\Classes";
    const added = plan.afterCreate.map(({ command }) => command);
    expect(added[0]).toEqual([
      ...["reg.exe", "add", `${classes}\\.say\\OpenWithProgids`, "/v", "say-it.AssocFile.say"],
      ...["/t", "REG_SZ", "/d", "", "/f"],
    ]);
    expect(added).toContainEqual([
      ...["reg.exe", "add", `${classes}\\say-it.AssocFile.say\\shell\\open\\command`, "/ve"],
      ...["/t", "REG_SZ", "/d", open, "/f"],
    ]);
    expect(added).toContainEqual(
      expect.arrayContaining(["reg.exe", "add", `${classes}\\say`, "/v", "URL Protocol"]),
    );
    const keys = added.map((command) => command[2]!);
    expect(keys.every((key) => key.startsWith(`${classes}\\`) && !/bad|x\\y|no good/.test(key))).toBe(true);
    expect(plan.afterRemove).toEqual([
      { command: ["reg.exe", "delete", "HKCU\\Software\\Classes\\say-it.AssocFile.say", "/f"] },
      {
        command: [
          ...["reg.exe", "delete", "HKCU\\Software\\Classes\\.say\\OpenWithProgids"],
          ...["/v", "say-it.AssocFile.say", "/f"],
        ],
      },
      {
        command: ["reg.exe", "delete", "HKCU\\Software\\Classes\\say", "/f"],
        onlyIf: {
          command: ["reg.exe", "query", "HKCU\\Software\\Classes\\say", "/v", "_menuinst"],
          contains: "say-it.AssocFilesay",
        },
      },
    ]);
  });

  test("names from packages stay names", () => {
    expect(fileName("..\\..\\x")).toBe("_.._x");
    expect(fileName("a/b:c*?\n")).toBe("a_b_c__ ".trim());
    for (const bad of ["", "...", "CON", "nul.txt", "a. . "]) expect(fileName(bad)).toMatch(/^_|^a$/);
    const plan = planOf({ win: {} }, windows, { name: "..\\..\\evil" });
    for (const { path } of plan.files) expect(path).not.toContain("\\..\\");
  });

  test.each([
    ["plain", "plain"],
    ["", '""'],
    ["a b", '"a b"'],
    ['say "x"', '"say \\"x\\""'],
    ["dir with\\", '"dir with\\\\"'],
    ['\\" ', '"\\\\\\" "'],
    ["a&b", '"a&b"'],
  ])("the argument %j is written %s", (text, quoted) => {
    expect(quoteArgument(text)).toBe(quoted);
  });

  test("folders come from the environment, the desktop from the registry", () => {
    const output =
      "\r\nHKEY_CURRENT_USER\\Software\\...\\User Shell Folders\r\n    Desktop    REG_EXPAND_SZ    %UserProfile%\\One Drive\\Desktop\r\n\r\n";
    expect(parseShellFolder(output, env)).toBe("C:\\Users\\Ann\\One Drive\\Desktop");
    expect(parseShellFolder(output, {})).toBeUndefined();
    expect(parseShellFolder("ERROR: not found", env)).toBeUndefined();
    expect(windowsFolders({}, undefined)).toBeUndefined();
    expect(windows.folders.terminalSettings).toHaveLength(3);
  });

  test("a profile of Windows Terminal is added once and removed, others stay", () => {
    const profile = { name: "Say", commandline: "x" };
    const before = {
      theme: "dark",
      profiles: { defaults: {}, list: [{ name: "cmd" }, { name: "Say", old: 1 }] },
    };
    const added = withTerminalProfile(JSON.stringify(before), profile, "add")!;
    expect(JSON.parse(added)).toEqual({
      theme: "dark",
      profiles: { defaults: {}, list: [{ name: "cmd" }, profile] },
    });
    expect(JSON.parse(withTerminalProfile(added, profile, "remove")!).profiles.list).toEqual([
      { name: "cmd" },
    ]);
    expect(JSON.parse(withTerminalProfile(undefined, profile, "add")!)).toEqual({
      profiles: { list: [profile] },
    });
    expect(withTerminalProfile("// mine\n{}", profile, "add")).toBeUndefined();
    expect(withTerminalProfile("{}", profile, "remove")).toBeUndefined();
  });
});

describe("menu items on macOS", () => {
  const mac: MenuContext = {
    platform: "osx-arm64",
    prefix: "/envs/my env",
    rootPrefix: "/root",
    home: "/Users/ann",
    folders: { applications: "/Users/ann/Applications" },
  };
  const bundle = "/Users/ann/Applications/Say it.app";

  test("are bundles with a script, an icon and Info.plist", () => {
    const plan = planOf(
      {
        osx: {
          CFBundleIdentifier: "org.say",
          CFBundleVersion: "2.1",
          LSEnvironment: { WHERE: "{{ PREFIX }}/<x>" },
          LSMultipleInstancesProhibited: true,
          CFBundleURLTypes: [{ CFBundleURLSchemes: ["say"] }],
          entitlements: ["com.apple.security.device.camera", "../x"],
          link_in_bundle: { "{{ PYTHONAPP }}": "Contents/MacOS/python", "/etc/passwd": "../../x" },
          Evil: "x",
        },
      },
      mac,
      { terminal: true, working_dir: "{{ HOME }}/w" },
    );
    expect(plan.files.map(({ path }) => path.slice(bundle.length))).toEqual([
      "/Contents/PkgInfo",
      "/Contents/Info.plist",
      "/Contents/Resources/say.icns",
      "/Contents/MacOS/say-it",
      "/Contents/MacOS/python",
      "/Contents/Entitlements.plist",
    ]);
    expect(contentOf(plan, "PkgInfo")).toBe("APPLsay-it");
    const info = contentOf(plan, "Info.plist");
    for (const [key, value] of [
      ["CFBundleExecutable", "<string>say-it</string>"],
      ["CFBundleIdentifier", "<string>org.say</string>"],
      ["CFBundleShortVersionString", "<string>2.1</string>"],
      ["CFBundleIconFile", "<string>say.icns</string>"],
      ["LSMultipleInstancesProhibited", "<true/>"],
    ])
      expect(info).toContain(`\t<key>${key}</key>\n\t${value}\n`);
    expect(info).toContain("<key>WHERE</key>\n\t\t<string>/envs/my env/&lt;x&gt;</string>");
    expect(info).not.toContain("Evil");
    const script = contentOf(plan, "/say-it").split("\n");
    expect(script[0]).toBe("#!/bin/sh");
    expect(script.slice(4)).toEqual([
      "mkdir -p '/Users/ann/w' && cd '/Users/ann/w'",
      `export CONDA_PREFIX='/envs/my env' CONDA_SHLVL=1 PATH='/envs/my env/bin':"$PATH"`,
      `for s in '/envs/my env'/etc/conda/activate.d/*.sh; do [ ! -e "$s" ] || . "$s"; done`,
      "exec '/envs/my env/bin/python' '-m' 'say it' '100'",
      "",
    ]);
    expect(contentOf(plan, "Entitlements.plist")).not.toContain("../x");
    expect(plan.afterCreate.map(({ command }) => [command[0]!.split("/").at(-1), command.at(-1)])).toEqual([
      ["codesign", bundle],
      ["lsregister", bundle],
    ]);
    expect(plan).toMatchObject({ remove: [bundle], proof: `${bundle}/Contents/MacOS/say-it` });
    expect(plan.files.find(({ path }) => path.endsWith("python"))).toEqual({
      path: `${bundle}/Contents/MacOS/python`,
      linkTo: "/envs/my env/python.app/Contents/MacOS/python",
    });
  });

  const eventful = (more: object = {}) =>
    planOf(
      {
        osx: {
          event_handler: 'echo "$@" >> {{ HOME }}/opened',
          CFBundleURLTypes: [{ CFBundleURLSchemes: ["say"] }],
          LSEnvironment: { A: "b" },
          ...more,
        },
      },
      mac,
      { name: 'A "quoted\\' },
    );

  test("with an event_handler are two: one receives what is opened, the other is the application", () => {
    const plan = eventful();
    const outer = `/Users/ann/Applications/A _quoted_.app/Contents`;
    const inner = `${outer}/Resources/A _quoted_.app/Contents`;
    expect(plan.files.map(({ path }) => path)).toEqual([
      `${outer}/PkgInfo`,
      `${outer}/Info.plist`,
      `${outer}/Resources/say.icns`,
      `${inner}/MacOS/a-quoted`,
      `${inner}/PkgInfo`,
      `${inner}/Info.plist`,
      `${inner}/Resources/say.icns`,
      `${outer}/Resources/handle-event`,
      `${outer}/Resources/handle-event.applescript`,
    ]);
    const [receiver, application] = plan.files.flatMap((file) =>
      file.path.endsWith("Info.plist") && "content" in file ? [String(file.content)] : [],
    );
    expect(receiver).toContain("<key>LSBackgroundOnly</key>\n\t<true/>");
    expect(receiver).toContain("<string>com.a-quoted-events</string>");
    expect(receiver).toContain("CFBundleURLTypes");
    expect(application).toContain("<string>com.a-quoted</string>");
    expect(application).toContain("LSEnvironment");
    expect(application).not.toMatch(/LSBackgroundOnly|CFBundleURLTypes/);
    expect(contentOf(plan, "/handle-event")).toBe('#!/bin/bash\necho "$@" >> /Users/ann/opened\n');
    expect(contentOf(plan, ".applescript")).toContain('resourcePath("A _quoted_.app")');
    expect(plan.proof).toBe(`${inner}/MacOS/a-quoted`);
    const [compile, sign, register] = plan.afterCreate.map(({ command }) => command);
    expect(compile!.slice(-3)).toEqual([`${outer}/Resources/handle-event.applescript`, outer, "a-quoted"]);
    expect(sign).toEqual(["/usr/bin/codesign", "--sign", "-", "--force", "--deep", outer.slice(0, -9)]);
    expect(register![0]).toMatch(/lsregister$/);
    const signed = eventful({ entitlements: ["com.apple.security.device.camera"] }).afterCreate[1]!.command;
    expect(signed).toContain("--entitlements");
    expect(eventful({ CFBundleIdentifier: "org.say" }).files).toContainEqual(
      expect.objectContaining({ content: expect.stringContaining("<string>org.say</string>") }),
    );
  });

  test("text in AppleScript is a string, whatever is in it", () => {
    expect(appleScriptText('a"b\\c\n& do shell script "x"')).toBe('"a\\"b\\\\c\\n& do shell script \\"x\\""');
    expect(eventApplet('x" & y', "h")).toContain('resourcePath("x\\" & y")');
  });

  test.skipIf(process.platform === "win32")("the compiled program takes its place in the bundle", () => {
    const base = mkdtempSync(join(tmpdir(), "taipan-applet-"));
    onTestFinished(() => rmSync(base, { recursive: true, force: true }));
    const contents = join(base, "it's a.app/Contents");
    const source = join(contents, "Resources/handle-event.applescript");
    const command = compileApplet(source, contents, "a");
    mkdirSync(join(contents, "Resources"), { recursive: true });
    // In the place of Apple's compiler, one that makes a bundle of the same layout.
    const compiler = join(base, "osacompile");
    const layout = 'mkdir -p "$2/Contents/MacOS" "$2/Contents/Resources/Scripts"';
    writeFileSync(
      compiler,
      `#!/bin/sh\n${layout}; cp "$3" "$2/Contents/MacOS/droplet"; : > "$2/Contents/Resources/Scripts/main.scpt"\n`,
    );
    writeFileSync(source, "script");
    const code = command[2]!.replace("/usr/bin/osacompile", `sh '${compiler}'`);
    execFileSync(command[0]!, ["-c", code, ...command.slice(3)]);
    expect(readdirSync(join(contents, "MacOS"))).toEqual(["a"]);
    expect(readFileSync(join(contents, "MacOS/a"), "utf8")).toBe("script");
    expect(readdirSync(join(contents, "Resources")).sort()).toEqual(["Scripts", "handle-event.applescript"]);
  });

  const python = spawnSync("python3", ["-c", "import plistlib"]).status === 0;
  test.skipIf(!python)("property lists say to plistlib what they were made from", () => {
    const value = {
      a: 'x <&> "ü"',
      b: true,
      c: [1, "2", { d: [] }],
      e: {},
      f: 1.5,
      g: "\u0001\ud800ok",
      h: null,
    };
    const read = execFileSync(
      "python3",
      ["-c", "import plistlib,json,sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))"],
      { input: propertyList(value), encoding: "utf8" },
    );
    const { h: _, ...rest } = value;
    expect(JSON.parse(read)).toEqual({ ...rest, g: "ok" });
  });
});
