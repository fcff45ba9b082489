import { join } from "node:path";
import type { EventSink } from "../events.ts";
import { readTextSync, replaceFile } from "../fs/link.ts";
import { entriesOf as entriesIn, kindAt, makeDirectory, removeAll } from "../fs/tree.ts";
import { type DesktopEntry, desktopEntries, type MenuContext } from "../plan/menu.ts";
import type { PythonInfo } from "../plan/transaction.ts";
import type { PrefixRecord } from "../specs/records.ts";
import type { LinkOptions } from "./options.ts";

/**
 * Menu entries (menuinst v2) of an environment, on Linux. They are outside of the prefix, so they are made after the transaction is
 * complete and removed with it; failing is a warning, never a failed transaction.
 */
export interface MenuInput {
  prefix: string;
  options: LinkOptions;
  events: EventSink;
  python?: PythonInfo | undefined;
}

/** Paths of menu documents in a list of a package's files. */
export const menuFiles = (files: readonly string[]): string[] =>
  files.filter((path) => /^Menu\/[^/]+\.json$/i.test(path));

/** Menu documents that are in the prefix, whoever owns them. */
export const presentMenus = (prefix: string): string[] =>
  menuFiles([...(entriesIn(join(prefix, "Menu"))?.keys() ?? [])].map((name) => `Menu/${name}`));

function directoryOf(options: LinkOptions): string | undefined {
  if (options.menuDirectory) return options.menuDirectory;
  const home = options.env["HOME"];
  const data = options.env["XDG_DATA_HOME"] ?? (home ? join(home, ".local", "share") : undefined);
  return data ? join(data, "applications") : undefined;
}

function entriesOf(files: readonly string[], { prefix, options, python }: MenuInput): DesktopEntry[] {
  if (!options.shortcuts || !options.platform.startsWith("linux-")) return [];
  // What is to run elsewhere has no place in this user's menus.
  if (options.relocatePrefix) return [];
  const context: MenuContext = {
    prefix,
    rootPrefix: options.rootPrefix,
    home: options.env["HOME"] ?? "",
    pythonMinor: python?.minor,
    sitePackages: python?.sitePackages,
  };
  return menuFiles(files).flatMap((path) => {
    try {
      return desktopEntries(JSON.parse(readTextSync(join(prefix, path)) ?? "null"), context);
    } catch {
      return [];
    }
  });
}

/** What the menus of installed packages are called, while their documents are still there. */
export function plannedMenuRemovals(records: readonly PrefixRecord[], input: MenuInput): string[] {
  return entriesOf(
    records.flatMap((record) => record.files),
    input,
  ).map((entry) => entry.fileName);
}

export function removeMenus(fileNames: readonly string[], input: MenuInput): void {
  const directory = directoryOf(input.options);
  if (!directory) return;
  for (const name of fileNames) {
    const path = join(directory, name);
    // An entry of the same name that starts something of another environment is not ours.
    if (kindAt(path) === "file" && readTextSync(path)?.includes(input.prefix))
      attempt(input, () => removeAll(path));
  }
}

export function createMenus(files: readonly string[], input: MenuInput): void {
  const entries = entriesOf(files, input);
  const directory = directoryOf(input.options);
  if (entries.length === 0 || !directory) return;
  attempt(input, () => {
    makeDirectory(directory);
    for (const entry of entries) replaceFile(join(directory, entry.fileName), entry.text, 0o755);
  });
}

function attempt(input: MenuInput, work: () => void): void {
  try {
    work();
  } catch (error) {
    input.events({
      type: "warning",
      code: "menu",
      message: `menu entries of \`${input.prefix}\` could not be changed: ${(error as Error).message}`,
    });
  }
}
