import { isJsonObject } from "../util/json.ts";
import type { Json, TerminalProfile } from "./menu-item.ts";

/**
 * The settings of Windows Terminal with a profile added, replaced (profiles are known by name) or removed. Undefined when nothing
 * changes, and when the text is not plain JSON: settings with comments belong to somebody who writes them by hand.
 */
export function withTerminalProfile(
  text: string | undefined,
  profile: TerminalProfile,
  action: "add" | "remove",
): string | undefined {
  let settings: unknown;
  try {
    settings = JSON.parse(text ?? "{}");
  } catch {
    return undefined;
  }
  if (!isJsonObject(settings)) return undefined;
  const profiles: Json = isJsonObject(settings["profiles"]) ? settings["profiles"] : {};
  const list: unknown[] = Array.isArray(profiles["list"]) ? profiles["list"] : [];
  const others = list.filter((item) => !isJsonObject(item) || item["name"] !== profile.name);
  if (action === "remove" && others.length === list.length) return undefined;
  // Keys without a value are left out by JSON.
  const next = action === "add" ? [...others, { ...profile }] : others;
  return `${JSON.stringify({ ...settings, profiles: { ...profiles, list: next } }, null, 4)}\n`;
}
