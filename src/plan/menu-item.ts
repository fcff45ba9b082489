/** menuinst v2 documents (CEP 11): what is common to all platforms. */
import { quotePosix } from "../util/format.ts";
import { isJsonObject } from "../util/json.ts";

/** Where menus of this user are; only what the platform has. */
export interface MenuFolders {
  /** Linux: desktop entries. macOS: application bundles. Windows: start menu. */
  applications: string;
  /** Linux: the database of MIME types (shared-mime-info), where there is one for this user. */
  mime?: string | undefined;
  desktop?: string | undefined;
  quickLaunch?: string | undefined;
  /** Windows: `C:\Windows\System32`. */
  system?: string | undefined;
  /** Settings files of Windows Terminal, whose directories may not be there. */
  terminalSettings?: readonly string[] | undefined;
}

export interface MenuContext {
  /** `linux-64`, `osx-arm64`, `win-64`... */
  platform: string;
  prefix: string;
  rootPrefix: string;
  home: string;
  folders: MenuFolders;
  /** `3.11`, where the environment has a python. */
  pythonMinor?: string | undefined;
  sitePackages?: string | undefined;
}

export type MenuFile =
  | { path: string; content: string | Uint8Array; mode: number }
  | { path: string; copyOf: string }
  | { path: string; linkTo: string };

export interface MenuCommand {
  command: readonly string[];
  /** Run only when the output of this one contains the text. */
  onlyIf?: { command: readonly string[]; contains: string } | undefined;
  /** Nothing is wrong where there is no such program. */
  optional?: boolean | undefined;
}

export interface TerminalProfile {
  name: string;
  commandline: string;
  icon?: string | undefined;
  startingDirectory?: string | undefined;
}

/** What one menu item is made of. All paths are absolute. */
export interface MenuPlan {
  files: MenuFile[];
  /** Shell code that runs before anything is made. */
  precreate?: string | undefined;
  afterCreate: MenuCommand[];
  /** Files and whole bundles that go with the item, and directories that go when they are empty then. */
  remove: string[];
  removeIfEmpty: string[];
  afterRemove: MenuCommand[];
  /** The file that names the environment: an item of the same name that belongs to another one is left alone. */
  proof: string;
  /** Windows Terminal. */
  profile?: TerminalProfile | undefined;
}

export type Json = Record<string, unknown>;
export const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
export const oneLine = (text: string): string => text.replace(/[\r\n\0]+/g, " ");

/** What menuinst makes of a name for a file. */
export function slug(text: string): string {
  const plain = text
    .normalize("NFKD")
    .replace(/[^\w\s-]/g, "")
    .trim()
    .toLowerCase();
  return plain.replace(/[-\s]+/g, "-").slice(0, 100) || "menu";
}

/** A name as people see it, made fit for a file on Windows and macOS: it comes from a package. */
export function fileName(text: string): string {
  const plain = oneLine(text)
    .replace(/[\\/:*?"<>|\x00-\x1f]/g, "_")
    .replace(/^\.+/, "")
    .slice(0, 100)
    .replace(/[ .]+$/, "");
  return /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(plain) || plain === "" ? `_${plain}` : plain;
}

/** One item with its placeholders filled in and its platform's keys over the common ones. */
export interface MenuItem {
  menu: string;
  name: string;
  command: string[];
  value(key: string): unknown;
  /** A text that is not empty. */
  text(key: string): string | undefined;
  list(key: string): string[];
  render(text: string): string;
}

function lastPart(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

function placeholders(context: MenuContext): Record<string, string> {
  const { prefix, rootPrefix, platform } = context;
  const windows = platform.startsWith("win-");
  const separator = windows ? "\\" : "/";
  const at = (root: string, ...parts: string[]): string => [root, ...parts].join(separator);
  return {
    BASE_PREFIX: rootPrefix,
    DISTRIBUTION_NAME: lastPart(rootPrefix),
    PREFIX: prefix,
    ENV_NAME: prefix === rootPrefix ? "base" : lastPart(prefix),
    MENU_DIR: at(prefix, "Menu"),
    PY_VER: context.pythonMinor ?? "N.A",
    SP_DIR: context.sitePackages
      ? at(prefix, ...context.sitePackages.split("/"))
      : windows
        ? at(prefix, "Lib", "site-packages")
        : "N.A",
    HOME: context.home,
    ...(windows
      ? {
          BASE_PYTHON: at(rootPrefix, "python.exe"),
          BASE_PYTHONW: at(rootPrefix, "pythonw.exe"),
          PYTHON: at(prefix, "python.exe"),
          PYTHONW: at(prefix, "pythonw.exe"),
          SCRIPTS_DIR: at(prefix, "Scripts"),
          BIN_DIR: at(prefix, "Library", "bin"),
          ICON_EXT: "ico",
        }
      : {
          BASE_PYTHON: at(rootPrefix, "bin", "python"),
          PYTHON: at(prefix, "bin", "python"),
          BIN_DIR: at(prefix, "bin"),
          ICON_EXT: platform.startsWith("osx-") ? "icns" : "png",
          ...(platform.startsWith("osx-")
            ? { PYTHONAPP: at(prefix, "python.app", "Contents", "MacOS", "python") }
            : {}),
        }),
  };
}

const PLATFORM_KEYS: Record<string, string> = { linux: "linux", osx: "osx", win: "win" };

/** Items of a document for the platform. Total: what is not understood is no item. `locate` says where an item will be. */
export function menuItems(
  document: unknown,
  context: MenuContext,
  locate: (menu: string, name: string) => string,
): MenuItem[] {
  if (!isJsonObject(document) || typeof document["menu_name"] !== "string") return [];
  const items = document["menu_items"];
  const platform = PLATFORM_KEYS[context.platform.split("-", 1)[0]!];
  if (!Array.isArray(items) || platform === undefined) return [];
  const values = placeholders(context);
  const windows = platform === "win";
  const fill = (text: string, more: Record<string, string>): string => {
    const filled = text.replace(
      /\{\{\s*([A-Z_]+)\s*\}\}/g,
      (whole, key: string) => more[key] ?? values[key] ?? whole,
    );
    // A convenience of menuinst: what does not begin like a switch of cmd may be written with slashes.
    return windows && !filled.startsWith("/") ? filled.replace(/\//g, "\\") : filled;
  };
  const menu = fill(document["menu_name"], {});
  return items.flatMap((item) => {
    const own =
      isJsonObject(item) && isJsonObject(item["platforms"]) ? item["platforms"][platform] : undefined;
    if (!isJsonObject(item) || own === undefined || own === null || own === false) return [];
    const specific = isJsonObject(own) ? own : {};
    // What a platform says overrides what the item says.
    const value = (key: string): unknown => specific[key] ?? item[key];
    const name = nameOf(value("name"), context, (text) => fill(text, {}));
    if (name === undefined) return [];
    const more = { MENU_ITEM_LOCATION: locate(menu, name) };
    const render = (text: string): string => fill(text, more);
    const command = texts(value("command")).map(render);
    if (command.length === 0) return [];
    const text = (key: string): string | undefined => {
      const given = value(key);
      return typeof given === "string" && given !== "" ? render(given) : undefined;
    };
    return [{ menu, name, command, value, text, list: (key) => texts(value(key)).map(render), render }];
  });
}

function nameOf(given: unknown, context: MenuContext, render: (text: string) => string): string | undefined {
  const key =
    context.prefix === context.rootPrefix ? "target_environment_is_base" : "target_environment_is_not_base";
  const name = isJsonObject(given) ? given[key] : given;
  return typeof name === "string" && name !== "" ? oneLine(render(name)) : undefined;
}

/** Lines of a POSIX shell that activate the environment; no installer is needed to start an item. */
export function shellActivation(item: MenuItem, prefix: string): string[] {
  const steps: string[] = [];
  const precommand = item.text("precommand");
  if (precommand) steps.push(precommand);
  if (item.value("activate") !== false) {
    const quoted = quotePosix(prefix);
    steps.push(
      `export CONDA_PREFIX=${quoted} CONDA_SHLVL=1 PATH=${quotePosix(`${prefix}/bin`)}:"$PATH"`,
      `for s in ${quoted}/etc/conda/activate.d/*.sh; do [ ! -e "$s" ] || . "$s"; done`,
    );
  }
  return steps;
}
