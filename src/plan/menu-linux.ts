/** Menu items on Linux: freedesktop.org desktop entries. */
import {
  type MenuContext,
  type MenuItem,
  type MenuPlan,
  shellActivation,
  shellQuote,
  slug,
  texts,
} from "./menu-item.ts";

/** A value of a desktop entry is one line; backslashes are escaped, so that nothing can begin another key. */
const line = (text: string): string => text.replace(/\\/g, "\\\\").replace(/[\r\n]+/g, " ");

/** Keys of the desktop entry specification that a package may set, beside those made from the common ones. */
const KEYS: Record<string, "text" | "list" | "flag"> = {
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

/** Of lower-case letters, digits, `-` and `_` only: the names come from a package. */
export const desktopPath = (context: MenuContext, menu: string, name: string): string =>
  `${context.folders.applications}/${slug(menu)}_${slug(name)}.desktop`;

export function linuxPlan(item: MenuItem, context: MenuContext): MenuPlan {
  const path = desktopPath(context, item.menu, item.name);
  return {
    files: [{ path, content: desktopEntry(item, context), mode: 0o755 }],
    precreate: item.text("precreate"),
    afterCreate: [],
    remove: [path],
    removeIfEmpty: [],
    afterRemove: [],
    proof: path,
  };
}

function desktopEntry(item: MenuItem, context: MenuContext): string {
  const lines = [
    "[Desktop Entry]",
    "Type=Application",
    "Encoding=UTF-8",
    `Name=${line(item.name)}`,
    `Exec=${line(execLine(item, context))}`,
    `Terminal=${item.value("terminal") === true}`,
  ];
  for (const [key, target] of [
    ["icon", "Icon"],
    ["description", "Comment"],
    ["working_dir", "Path"],
  ] as const) {
    const text = item.text(key);
    if (text) lines.push(`${target}=${line(text)}`);
  }
  for (const [key, type] of Object.entries(KEYS)) {
    const given = item.value(key);
    if (type === "flag" && typeof given === "boolean") lines.push(`${key}=${given}`);
    else if (type === "text" && typeof given === "string") lines.push(`${key}=${line(item.render(given))}`);
    else if (type === "list") {
      // A list, or the text of one as it stands in an entry.
      const parts = typeof given === "string" && given.endsWith(";") ? given.split(";") : texts(given);
      const list = parts
        .filter((part) => part !== "")
        .map((part) => line(item.render(part)).replace(/;/g, "\\;"));
      if (list.length > 0) lines.push(`${key}=${list.join(";")};`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** The command in a shell that has the environment active. */
function execLine(item: MenuItem, context: MenuContext): string {
  const { command } = item;
  const isField = (part: string): boolean => /^%[a-zA-Z]$/.test(part);
  const call = command.map((part) => (isField(part) ? '"$@"' : shellQuote(part))).join(" ");
  const field = command.find(isField);
  const escaped = [...shellActivation(item, context.prefix), call]
    .join("; ")
    .replace(/[\\"$`]/g, "\\$&")
    .replace(/%/g, "%%");
  return `sh -c "${escaped}" sh${field ? ` ${field}` : ""}`;
}
