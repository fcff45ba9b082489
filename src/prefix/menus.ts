import { dirname, join } from "node:path";
import type { ToolError } from "../errors.ts";
import type { EventSink } from "../events.ts";
import { readBytes, readText } from "../fs/files.ts";
import { replaceFile } from "../fs/link.ts";
import { tryReadSync } from "../fs/sync-files.ts";
import {
  copyInto,
  entriesOf,
  kindAt,
  makeDirectory,
  makeSymlink,
  removeAll,
  removeIfEmpty,
} from "../fs/tree.ts";
import { exec } from "../host/exec.ts";
import { type MenuContext, type MenuPlan, menuPlans } from "../plan/menu.ts";
import { withTerminalProfile } from "../plan/terminal-profile.ts";
import type { PythonInfo } from "../plan/transaction.ts";
import type { PrefixRecord } from "../specs/records.ts";
import { menuFolders } from "./menu-folders.ts";
import type { LinkOptions } from "./options.ts";

/**
 * Menu entries (menuinst v2) of an environment. They are outside of the prefix, so they are made after the transaction is complete and
 * removed with it; failing is a warning, never a failed transaction.
 */
export interface MenuInput {
  prefix: string;
  options: LinkOptions;
  events: EventSink;
  python?: PythonInfo | undefined;
}

/** Paths of menu documents in a list of a package's files. */
const menuFiles = (files: readonly string[]): string[] =>
  files.filter((path) => /^Menu\/[^/]+\.json$/i.test(path));

/** Menu documents that are in the prefix, whoever owns them. */
export const presentMenus = (prefix: string): string[] =>
  menuFiles([...(entriesOf(join(prefix, "Menu"))?.keys() ?? [])].map((name) => `Menu/${name}`));

const HOSTS: Partial<Record<NodeJS.Platform, string>> = { linux: "linux", darwin: "osx", win32: "win" };

/** Whether this machine has menus for the environment's platform. */
function hasMenus({ shortcuts, relocatePrefix, platform, menuDirectory }: LinkOptions): boolean {
  // What is to run elsewhere has no place in this user's menus.
  if (!shortcuts || relocatePrefix) return false;
  const system = platform.split("-", 1)[0]!;
  return HOSTS[process.platform] === system || (menuDirectory !== undefined && system !== "win");
}

async function plansOf(files: readonly string[], input: MenuInput): Promise<MenuPlan[]> {
  const { prefix, options, python } = input;
  const documents = menuFiles(files);
  if (documents.length === 0 || !hasMenus(options)) return [];
  const folders = await menuFolders(options);
  if (!folders) return [];
  const context: MenuContext = {
    platform: options.platform,
    prefix,
    rootPrefix: options.rootPrefix,
    home: options.env["HOME"] ?? options.env["USERPROFILE"] ?? "",
    folders,
    pythonMinor: python?.minor,
    sitePackages: python?.sitePackages,
  };
  return documents.flatMap((path) => {
    try {
      return menuPlans(JSON.parse(tryReadSync(join(prefix, path)) ?? "null"), context);
    } catch {
      return [];
    }
  });
}

/** What the menus of installed packages are made of, while their documents are still there. */
export function plannedMenuRemovals(records: readonly PrefixRecord[], input: MenuInput): Promise<MenuPlan[]> {
  if (!hasMenus(input.options)) return Promise.resolve([]);
  return plansOf(
    records.flatMap((record) => record.files),
    input,
  );
}

export async function removeMenus(plans: readonly MenuPlan[], input: MenuInput): Promise<void> {
  for (const plan of plans) {
    // An entry of the same name that starts something of another environment is not ours.
    if (!(await isOurs(plan, input))) continue;
    await attempt(input, async () => {
      for (const path of plan.remove) removeAll(path);
      for (const path of plan.removeIfEmpty) removeIfEmpty(path);
      await changeProfiles(plan, "remove", input);
      await runAll(plan.afterRemove, input);
    });
  }
}

export async function createMenus(files: readonly string[], input: MenuInput): Promise<void> {
  for (const plan of await plansOf(files, input)) {
    await attempt(input, async () => {
      const taken = plan.remove.find((path) => kindAt(path) === "directory");
      if (taken !== undefined && !(await isOurs(plan, input)))
        throw new Error(`\`${taken}\` is there already`);
      if (taken !== undefined) removeAll(taken);
      if (plan.precreate && input.options.linkScripts === "run") await precreate(plan.precreate, input);
      for (const file of plan.files) {
        makeDirectory(dirname(file.path));
        if ("content" in file) replaceFile(file.path, file.content, file.mode);
        else if ("copyOf" in file) copyInto(file.copyOf, file.path);
        else makeSymlink(file.linkTo, file.path);
      }
      await changeProfiles(plan, "add", input);
      await runAll(plan.afterCreate, input);
    });
  }
}

/** Whether the entry on disk is this one, or names this environment (in either encoding that entries are written in). */
async function isOurs(plan: MenuPlan, { prefix }: MenuInput): Promise<boolean> {
  const found = kindAt(plan.proof) === "file" ? await readBytes(plan.proof) : undefined;
  if (!found) return false;
  const planned = plan.files.find((file) => file.path === plan.proof);
  const same = planned !== undefined && "content" in planned && found.equals(Buffer.from(planned.content));
  return same || found.includes(prefix) || found.includes(Buffer.from(prefix, "utf16le"));
}

async function precreate(code: string, input: MenuInput): Promise<void> {
  const { env } = input.options;
  const windows = process.platform === "win32";
  const shell = windows ? "powershell.exe" : kindAt("/bin/bash") ? "/bin/bash" : "/bin/sh";
  const args = windows ? ["-NoProfile", "-NonInteractive", "-Command", code] : ["-c", code];
  const result = await exec(shell, args, { env, timeout: 60_000 });
  if (result.code !== 0) throw new Error(`its precreate code failed: ${result.stderr.trim().slice(-200)}`);
}

async function runAll(commands: MenuPlan["afterCreate"], input: MenuInput): Promise<void> {
  const { env } = input.options;
  const run = (command: readonly string[]) => exec(command[0]!, command.slice(1), { env, timeout: 60_000 });
  for (const { command, onlyIf, optional } of commands) {
    if (onlyIf && !(await run(onlyIf.command)).stdout.includes(onlyIf.contains)) continue;
    const result = await run(command).catch((error: ToolError) => {
      if (optional && error.details?.["errno"] === "ENOENT") return undefined;
      throw error;
    });
    if (result && result.code !== 0)
      throw new Error(`\`${command.slice(0, 3).join(" ")}\` failed: ${result.stderr.trim().slice(-200)}`);
  }
}

async function changeProfiles(plan: MenuPlan, action: "add" | "remove", input: MenuInput): Promise<void> {
  if (!plan.profile) return;
  const settings = (await menuFolders(input.options))?.terminalSettings ?? [];
  await changeTerminalSettings(settings, plan.profile, action);
}

/**
 * Windows Terminal writes its settings when it is first opened: a directory without them is enough. Settings that are there but cannot
 * be read are not replaced: the error is thrown.
 */
export async function changeTerminalSettings(
  paths: readonly string[],
  profile: NonNullable<MenuPlan["profile"]>,
  action: "add" | "remove",
): Promise<void> {
  for (const path of paths) {
    if (kindAt(dirname(path)) !== "directory") continue;
    const text = withTerminalProfile(await readText(path), profile, action);
    if (text !== undefined) replaceFile(path, text, 0o644);
  }
}

async function attempt(input: MenuInput, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    input.events({
      type: "warning",
      code: "menu",
      message: `menu entries of \`${input.prefix}\` could not be changed: ${(error as Error).message}`,
    });
  }
}
