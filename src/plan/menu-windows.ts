/** Menu items on Windows: shortcuts, file types and protocols in the registry, profiles of Windows Terminal. */
import {
  fileName,
  type MenuCommand,
  type MenuContext,
  type MenuFile,
  type MenuItem,
  type MenuPlan,
  oneLine,
  slug,
} from "./menu-item.ts";
import { shellLink } from "./shell-link.ts";
import { windowsPathDirectories } from "./windows-paths.ts";

const CLASSES = "HKEY_CURRENT_USER\\Software\\Classes";
const SHORT_CLASSES = "HKCU\\Software\\Classes";

export const shortcutPath = (context: MenuContext, menu: string, name: string): string =>
  `${context.folders.applications}\\${fileName(menu)}\\${fileName(name)}.lnk`;

export function windowsPlan(item: MenuItem, context: MenuContext): MenuPlan {
  const { folders, prefix } = context;
  const start = shortcutPath(context, item.menu, item.name);
  const places = [start];
  if (item.value("desktop") !== false && folders.desktop)
    places.push(`${folders.desktop}\\${fileName(item.name)}.lnk`);
  if (item.value("quicklaunch") === true && folders.quickLaunch)
    places.push(`${folders.quickLaunch}\\${fileName(item.name)}.lnk`);
  const files: MenuFile[] = [];
  const remove = [...places];
  const activate = item.value("activate") !== false;
  const script = `${prefix}\\Menu\\${fileName(item.name)}.bat`;
  if (activate) {
    files.push({ path: script, content: batch(item, prefix), mode: 0o644 });
    remove.push(script);
  }
  const [target, args] = startOf(item, context, script);
  const link = shellLink({
    target,
    args,
    description: item.text("description") ?? item.name,
    workingDirectory: item.text("working_dir") ?? "%USERPROFILE%",
    icon: item.text("icon"),
    appId: appId(item),
  });
  if (link) for (const path of places) files.push({ path, content: link, mode: 0o644 });
  const registry = registryOf(item, context, script);
  const profile = item.text("terminal_profile");
  return {
    files,
    precreate: item.text("precreate"),
    afterCreate: registry.add,
    remove,
    removeIfEmpty: [`${folders.applications}\\${fileName(item.menu)}`],
    afterRemove: registry.remove,
    proof: start,
    profile: profile
      ? {
          name: profile,
          commandline: [target, args].filter((part) => part !== "").join(" "),
          icon: item.text("icon"),
          startingDirectory: item.text("working_dir"),
        }
      : undefined,
  };
}

function appId(item: MenuItem): string {
  const given = item.text("app_user_model_id");
  return (given && /^\S+\.\S+$/.test(given) ? given : `Menuinst.${slug(item.name)}`).slice(0, 128);
}

/** An argument as programs of Windows read it: blanks and quotes need quotes, backslashes before a quote are doubled. */
export function quoteArgument(text: string): string {
  if (text !== "" && !/[\s"&|<>^()]/.test(text)) return text;
  return `"${text.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`;
}

/** A text in a batch file, where `%` begins a variable. */
const literal = (text: string): string => oneLine(text).replace(/%/g, "%%");

/** Activates the environment and runs the command; arguments are passed on. */
function batch(item: MenuItem, prefix: string): string {
  const root = literal(prefix);
  const precommand = item.text("precommand");
  const takesArguments = item.command.some((part) => /%[\d*]/.test(part));
  const lines = [
    "@ECHO OFF",
    ...(precommand ? [precommand.replace(/\r?\n/g, "\r\n")] : []),
    `SET "CONDA_PREFIX=${root}"`,
    `SET "CONDA_SHLVL=1"`,
    `SET "PATH=${windowsPathDirectories(root).join(";")};%PATH%"`,
    `FOR %%S IN ("${root}\\etc\\conda\\activate.d\\*.bat") DO @CALL "%%S"`,
    `${item.command.map((part) => quoteArgument(oneLine(part))).join(" ")}${takesArguments ? "" : " %*"}`,
    "",
  ];
  const text = lines.join("\r\n");
  // cmd reads batch files in the console's code page; this one is UTF-8.
  return /^[\0-\x7f]*$/.test(text) ? text : `@CHCP 65001 >NUL\r\n${text}`;
}

/** Program and arguments of a shortcut; with the batch file, in a window that stays (a terminal) or in none. */
function startOf(item: MenuItem, context: MenuContext, script: string): [target: string, args: string] {
  const system = context.folders.system ?? "%SystemRoot%\\System32";
  if (item.value("activate") === false) {
    const [program = "", ...rest] = item.command;
    return [program, rest.map(quoteArgument).join(" ")];
  }
  const cmd = `${system}\\cmd.exe`;
  // With /S cmd takes away the outer quotes and nothing else, whatever is in the path.
  if (item.value("terminal") === true) return [cmd, `/D /S /K ""${script}""`];
  const powershell = `${system}\\WindowsPowerShell\\v1.0\\powershell.exe`;
  const quoted = script.replace(/'/g, "''");
  return [
    cmd,
    `/D /C START /MIN "" "${powershell}" -WindowStyle hidden "start '${quoted}' -WindowStyle hidden"`,
  ];
}

/**
 * The command for a file or address that is opened. It does not go through PowerShell: the name of a file may have quotes in it there,
 * but not in cmd.
 */
function openCommand(item: MenuItem, context: MenuContext, script: string): string {
  if (item.value("activate") !== false) {
    const system = context.folders.system ?? "%SystemRoot%\\System32";
    return `${quoteArgument(`${system}\\cmd.exe`)} /D /S /C ""${script}" "%1""`;
  }
  const parts = item.command.map(quoteArgument);
  return [...parts, ...(item.command.some((part) => part.includes("%1")) ? [] : ['"%1"'])].join(" ");
}

interface Value {
  key: string;
  /** Undefined: the default value. */
  name?: string;
  data: string;
}

function registryOf(
  item: MenuItem,
  context: MenuContext,
  script: string,
): { add: MenuCommand[]; remove: MenuCommand[] } {
  const command = openCommand(item, context, script);
  const icon = item.text("icon");
  const handler = (key: string): Value[] => [
    { key: `${key}\\shell\\open\\command`, data: command },
    { key: `${key}\\shell\\open`, data: item.name },
    { key, name: "AppUserModelID", data: appId(item) },
    ...(icon
      ? [
          { key: `${key}\\DefaultIcon`, data: icon },
          { key: `${key}\\shell\\open`, name: "Icon", data: icon },
        ]
      : []),
  ];
  const values: Value[] = [];
  const remove: MenuCommand[] = [];
  for (const extension of unique(item.list("file_extensions"), /^\.[^\s\\/"]+$/)) {
    const id = `${slug(item.name)}.AssocFile${extension}`;
    values.push(
      { key: `${CLASSES}\\${extension}\\OpenWithProgids`, name: id, data: "" },
      { key: `${CLASSES}\\${id}`, data: `${extension} ${id} file` },
      ...handler(`${CLASSES}\\${id}`),
    );
    remove.push(
      { command: ["reg.exe", "delete", `${SHORT_CLASSES}\\${id}`, "/f"] },
      { command: ["reg.exe", "delete", `${SHORT_CLASSES}\\${extension}\\OpenWithProgids`, "/v", id, "/f"] },
    );
  }
  for (const protocol of unique(item.list("url_protocols"), /^[a-z][a-z0-9+.-]*$/)) {
    const id = `${slug(item.name)}.AssocFile${protocol}`;
    const key = `${CLASSES}\\${protocol}`;
    values.push(
      { key, data: `URL:${protocol}` },
      { key, name: "URL Protocol", data: "" },
      // Says on removal whether the protocol is still this item's.
      { key, name: "_menuinst", data: id },
      ...handler(key),
    );
    const short = `${SHORT_CLASSES}\\${protocol}`;
    remove.push({
      command: ["reg.exe", "delete", short, "/f"],
      onlyIf: { command: ["reg.exe", "query", short, "/v", "_menuinst"], contains: id },
    });
  }
  const add = values.map(({ key, name, data }) => ({
    command: ["reg.exe", "add", key, ...(name ? ["/v", name] : ["/ve"]), "/t", "REG_SZ", "/d", data, "/f"],
  }));
  return { add, remove };
}

const unique = (list: readonly string[], form: RegExp): string[] => [
  ...new Set(list.map((text) => text.toLowerCase()).filter((text) => form.test(text))),
];
