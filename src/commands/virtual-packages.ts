import { detectVirtualPackages } from "../host/virtual-packages.ts";
import type { CommandContext } from "./context.ts";

type Context = Pick<CommandContext, "config" | "env" | "hostPlatform">;

/** The virtual packages that are solved for: what the machine has, `override_virtual_packages`, then CONDA_OVERRIDE_*. */
export function virtualPackages(context: Context): ReturnType<typeof detectVirtualPackages> {
  const { config, env, hostPlatform } = context;
  return detectVirtualPackages({
    env: { ...overrides(config.overrideVirtualPackages), ...env },
    platform: config.platform || hostPlatform,
    hostPlatform,
  });
}

function overrides(versions: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(versions).map(([name, version]) => [
      `CONDA_OVERRIDE_${name.replace(/^__/, "").toUpperCase().replaceAll("-", "_")}`,
      version,
    ]),
  );
}
