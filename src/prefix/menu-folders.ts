import { join } from "node:path";
import { exec } from "../host/exec.ts";
import type { MenuFolders } from "../plan/menu.ts";
import type { LinkOptions } from "./options.ts";

type FolderOptions = Pick<LinkOptions, "platform" | "env" | "menuDirectory">;

/** Where the user's menus are; undefined where the environment does not say. */
export async function menuFolders(options: FolderOptions): Promise<MenuFolders | undefined> {
  const { platform, env, menuDirectory } = options;
  if (platform.startsWith("win-"))
    return windowsFolders(env, (await desktopOfRegistry(env)) ?? undefined, menuDirectory);
  if (menuDirectory) return { applications: menuDirectory };
  const home = env["HOME"];
  if (platform.startsWith("osx-")) return home ? { applications: join(home, "Applications") } : undefined;
  const data = env["XDG_DATA_HOME"] ?? (home ? join(home, ".local", "share") : undefined);
  return data ? { applications: join(data, "applications"), mime: join(data, "mime") } : undefined;
}

/** Folders of Windows from its environment; `desktop` is what the registry says, as it may have been moved. */
export function windowsFolders(
  env: FolderOptions["env"],
  desktop: string | undefined,
  menuDirectory?: string,
): MenuFolders | undefined {
  const [roaming, local, profile] = [env["APPDATA"], env["LOCALAPPDATA"], env["USERPROFILE"]];
  if (!roaming || !profile) return undefined;
  const terminals = ["Microsoft.WindowsTerminal", "Microsoft.WindowsTerminalPreview"].map(
    (name) => `${local}\\Packages\\${name}_8wekyb3d8bbwe\\LocalState\\settings.json`,
  );
  return {
    applications: menuDirectory ?? `${roaming}\\Microsoft\\Windows\\Start Menu\\Programs`,
    desktop: desktop ?? `${profile}\\Desktop`,
    quickLaunch: `${roaming}\\Microsoft\\Internet Explorer\\Quick Launch`,
    system: `${env["SystemRoot"] ?? env["SYSTEMROOT"] ?? "C:\\Windows"}\\System32`,
    terminalSettings: local
      ? [...terminals, `${local}\\Microsoft\\Windows Terminal\\settings.json`]
      : undefined,
  };
}

const SHELL_FOLDERS = "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell Folders";

async function desktopOfRegistry(env: FolderOptions["env"]): Promise<string | undefined> {
  try {
    const result = await exec("reg.exe", ["query", SHELL_FOLDERS, "/v", "Desktop"], { env, timeout: 10_000 });
    return parseShellFolder(result.stdout, env);
  } catch {
    return undefined;
  }
}

/** The value in what `reg query` prints, with its variables filled in; undefined when one of them is not set. */
export function parseShellFolder(output: string, env: FolderOptions["env"]): string | undefined {
  const value = /REG_(?:EXPAND_)?SZ\s+(.+?)\s*$/m.exec(output)?.[1];
  if (value === undefined) return undefined;
  let complete = true;
  const path = value.replace(/%([^%]+)%/g, (_, name: string) => {
    const found = Object.entries(env).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
    complete &&= found !== undefined;
    return found ?? "";
  });
  return complete ? path : undefined;
}
