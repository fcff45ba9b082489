/** menuinst v2 documents (CEP 11) and what they become on Linux, macOS and Windows. */
import { type MenuContext, type MenuPlan, menuItems } from "./menu-item.ts";
import { desktopPath, linuxPlan } from "./menu-linux.ts";
import { bundlePath, macosPlan } from "./menu-macos.ts";
import { shortcutPath, windowsPlan } from "./menu-windows.ts";

export { type MenuContext, type MenuFolders, type MenuPlan, slug } from "./menu-item.ts";

/** Plans of one `Menu/*.json`. Total: what is not understood makes no entry, nor do items that are not for this platform. */
export function menuPlans(document: unknown, context: MenuContext): MenuPlan[] {
  const { platform } = context;
  if (platform.startsWith("linux-"))
    return menuItems(document, context, (menu, name) => desktopPath(context, menu, name)).map((item) =>
      linuxPlan(item, context),
    );
  if (platform.startsWith("osx-"))
    return menuItems(document, context, (_menu, name) => bundlePath(context, name)).map((item) =>
      macosPlan(item, context),
    );
  if (platform.startsWith("win-"))
    return menuItems(document, context, (menu, name) => shortcutPath(context, menu, name)).map((item) =>
      windowsPlan(item, context),
    );
  return [];
}
