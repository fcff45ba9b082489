/** Menu items on Linux: freedesktop.org desktop entries, and MIME types for the shared MIME-info database. */

import { quotePosix } from "../util/format.ts";
import { isJsonObject } from "../util/json.ts";
import {
  type MenuCommand,
  type MenuContext,
  type MenuItem,
  type MenuPlan,
  shellActivation,
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
  const { applications, mime } = context.folders;
  const path = desktopPath(context, item.menu, item.name);
  const files: MenuPlan["files"] = [{ path, content: desktopEntry(item, context), mode: 0o755 }];
  const types = mimeTypes(item);
  const update: MenuCommand[] = [];
  if (mime !== undefined && types.length > 0) {
    const name = path.slice(path.lastIndexOf("/") + 1).replace(/\.desktop$/, ".xml");
    files.push({ path: `${mime}/packages/${name}`, content: mimeInfo(item.name, types), mode: 0o644 });
    update.push({ command: ["update-mime-database", mime], optional: true });
  }
  // What opens a type is looked up in a cache of all entries.
  if (listOf(item, "MimeType").length > 0)
    update.push({ command: ["update-desktop-database", applications], optional: true });
  return {
    files,
    precreate: item.text("precreate"),
    afterCreate: update,
    remove: files.map((file) => file.path),
    removeIfEmpty: [],
    afterRemove: update,
    proof: path,
  };
}

/** Parts of a list, or of the text of one as it stands in an entry. */
function listOf(item: MenuItem, key: string): string[] {
  const given = item.value(key);
  const parts = typeof given === "string" && given.endsWith(";") ? given.split(";") : texts(given);
  return parts.filter((part) => part !== "").map((part) => item.render(part));
}

/** RFC 6838, 4.2: a type and a subtype. */
const MIME_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/i;

/** Types of `MimeType` that the item says the names of files for, in `glob_patterns`. */
function mimeTypes(item: MenuItem): { type: string; pattern: string }[] {
  const patterns = item.value("glob_patterns");
  if (!isJsonObject(patterns)) return [];
  return listOf(item, "MimeType").flatMap((type) => {
    const pattern = Object.hasOwn(patterns, type) ? patterns[type] : undefined;
    const known = typeof pattern === "string" && pattern !== "" && MIME_TYPE.test(type);
    return known ? [{ type, pattern: item.render(pattern) }] : [];
  });
}

/** Text in XML 1.0, which has no control characters. */
const xmlText = (text: string): string =>
  text.replace(/[\0-\x1f\x7f]+/g, " ").replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

function mimeInfo(name: string, types: readonly { type: string; pattern: string }[]): string {
  const entries = types.map(
    ({ type, pattern }) => `  <mime-type type="${xmlText(type)}">
    <comment>${xmlText(`${name} (${pattern})`)}</comment>
    <glob pattern="${xmlText(pattern)}"/>
  </mime-type>
`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
${entries.join("")}</mime-info>
`;
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
      const list = listOf(item, key).map((part) => line(part).replace(/;/g, "\\;"));
      if (list.length > 0) lines.push(`${key}=${list.join(";")};`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** The command in a shell that has the environment active. */
function execLine(item: MenuItem, context: MenuContext): string {
  const { command } = item;
  const isField = (part: string): boolean => /^%[a-zA-Z]$/.test(part);
  const call = command.map((part) => (isField(part) ? '"$@"' : quotePosix(part))).join(" ");
  const field = command.find(isField);
  const escaped = [...shellActivation(item, context.prefix), call]
    .join("; ")
    .replace(/[\\"$`]/g, "\\$&")
    .replace(/%/g, "%%");
  return `sh -c "${escaped}" sh${field ? ` ${field}` : ""}`;
}
