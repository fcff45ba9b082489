/** menuinst v2 documents (CEP 11) and what they become on Linux: freedesktop.org desktop entries. */

export interface MenuContext {
  prefix: string;
  rootPrefix: string;
  home: string;
  /** `3.11`, where the environment has a python. */
  pythonMinor?: string | undefined;
  sitePackages?: string | undefined;
}

export interface DesktopEntry {
  /** `menu_item.desktop`, of lower-case letters, digits, `-` and `_` only: it comes from a package. */
  fileName: string;
  text: string;
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  value !== null && typeof value === "object" && !Array.isArray(value);
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];

/** What menuinst makes of a name for a file. */
export function slug(text: string): string {
  const plain = text
    .normalize("NFKD")
    .replace(/[^\w\s-]/g, "")
    .trim()
    .toLowerCase();
  return plain.replace(/[-\s]+/g, "-").slice(0, 100) || "menu";
}

function placeholders(context: MenuContext): Record<string, string> {
  const name = context.prefix.slice(context.prefix.lastIndexOf("/") + 1);
  return {
    BASE_PREFIX: context.rootPrefix,
    DISTRIBUTION_NAME: context.rootPrefix.slice(context.rootPrefix.lastIndexOf("/") + 1),
    BASE_PYTHON: `${context.rootPrefix}/bin/python`,
    PREFIX: context.prefix,
    ENV_NAME: context.prefix === context.rootPrefix ? "base" : name,
    PYTHON: `${context.prefix}/bin/python`,
    MENU_DIR: `${context.prefix}/Menu`,
    BIN_DIR: `${context.prefix}/bin`,
    PY_VER: context.pythonMinor ?? "N.A",
    SP_DIR: context.sitePackages ? `${context.prefix}/${context.sitePackages}` : "N.A",
    HOME: context.home,
    ICON_EXT: "png",
  };
}

const shellQuote = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;

/** A value of a desktop entry is one line; backslashes are escaped, so that nothing can begin another key. */
const line = (text: string): string => text.replace(/\\/g, "\\\\").replace(/[\r\n]+/g, " ");

/** Keys of the desktop entry specification that a package may set, beside those made from the common ones. */
const LINUX_KEYS: Record<string, "text" | "list" | "flag"> = {
  Categories: "list",
  DBusActivatable: "flag",
  GenericName: "text",
  Hidden: "flag",
  Implements: "list",
  Keywords: "list",
  MimeType: "list",
  NoDisplay: "flag",
  NotShowIn: "list",
  OnlyShowIn: "list",
  PrefersNonDefaultGPU: "flag",
  SingleMainWindow: "flag",
  StartupNotify: "flag",
  StartupWMClass: "text",
  TryExec: "text",
};

/** Desktop entries of one `Menu/*.json`. Total: what is not understood makes no entry. Items without a `linux` platform are not for us. */
export function desktopEntries(document: unknown, context: MenuContext): DesktopEntry[] {
  if (
    !isObject(document) ||
    typeof document["menu_name"] !== "string" ||
    !Array.isArray(document["menu_items"])
  )
    return [];
  const values = placeholders(context);
  const render = (text: string): string =>
    text.replace(/\{\{\s*([A-Z_]+)\s*\}\}/g, (whole, key: string) => values[key] ?? whole);
  const menu = render(document["menu_name"]);
  const entries: DesktopEntry[] = [];
  for (const item of document["menu_items"]) {
    const entry = isObject(item) ? desktopEntry(item, render, context) : undefined;
    if (entry) entries.push({ fileName: `${slug(menu)}_${slug(entry.name)}.desktop`, text: entry.text });
  }
  return entries;
}

function desktopEntry(
  item: Json,
  render: (text: string) => string,
  context: MenuContext,
): { name: string; text: string } | undefined {
  const platforms = isObject(item["platforms"]) ? item["platforms"] : {};
  const linux = platforms["linux"];
  if (linux === undefined || linux === null) return undefined;
  const own = isObject(linux) ? linux : {};
  // What a platform says overrides what the item says.
  const value = (key: string): unknown => own[key] ?? item[key];
  const command = texts(value("command")).map(render);
  const rawName = isObject(value("name"))
    ? (value("name") as Json)["target_environment_is_not_base"]
    : value("name");
  if (typeof rawName !== "string" || command.length === 0) return undefined;
  const name = render(rawName);
  const lines = [
    "[Desktop Entry]",
    "Type=Application",
    "Encoding=UTF-8",
    `Name=${line(name)}`,
    `Exec=${line(execLine(command, value, render, context))}`,
  ];
  lines.push(`Terminal=${value("terminal") === true}`);
  const text = (key: string, target: string): void => {
    const given = value(key);
    if (typeof given === "string" && given !== "") lines.push(`${target}=${line(render(given))}`);
  };
  text("icon", "Icon");
  text("description", "Comment");
  text("working_dir", "Path");
  for (const [key, type] of Object.entries(LINUX_KEYS)) {
    const given = own[key];
    if (type === "flag" && typeof given === "boolean") lines.push(`${key}=${given}`);
    else if (type === "text" && typeof given === "string") lines.push(`${key}=${line(render(given))}`);
    else if (type === "list" && texts(given).length > 0)
      lines.push(
        `${key}=${texts(given)
          .map((part) => line(render(part)).replace(/;/g, "\\;"))
          .join(";")};`,
      );
  }
  return { name, text: `${lines.join("\n")}\n` };
}

/** The command in a shell that has the environment active; no installer is needed to start it. */
function execLine(
  command: readonly string[],
  value: (key: string) => unknown,
  render: (text: string) => string,
  context: MenuContext,
): string {
  const steps: string[] = [];
  if (value("activate") !== false) {
    const prefix = shellQuote(context.prefix);
    steps.push(
      `export CONDA_PREFIX=${prefix} CONDA_SHLVL=1 PATH=${shellQuote(`${context.prefix}/bin`)}:"$PATH"`,
    );
    steps.push(`for s in ${prefix}/etc/conda/activate.d/*.sh; do [ ! -e "$s" ] || . "$s"; done`);
  }
  const pre = value("precommand");
  if (typeof pre === "string" && pre !== "") steps.push(render(pre));
  steps.push(command.map((part) => (/^%[a-zA-Z]$/.test(part) ? '"$@"' : shellQuote(part))).join(" "));
  const field = command.find((part) => /^%[a-zA-Z]$/.test(part));
  const escaped = steps
    .join("; ")
    .replace(/[\\"$`]/g, "\\$&")
    .replace(/%/g, "%%");
  return `sh -c "${escaped}" sh${field ? ` ${field}` : ""}`;
}
