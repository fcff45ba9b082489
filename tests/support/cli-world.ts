import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuiltPackage, buildPackage, writeChannel } from "../../fixtures/index.ts";

/** A small channel: `app` needs `libx`, `tool` needs `app >=2`; `conf-a` and `conf-b` exclude each other; `broken` needs what is not there. */
export async function writeWorld(directory: string): Promise<{ url: string; packages: BuiltPackage[] }> {
  const packages = await Promise.all(
    [
      spec("libx", "1.0"),
      spec("libx", "1.1"),
      spec("app", "1.0", ["libx"]),
      spec("app", "2.0", ["libx >=1.1"]),
      { ...spec("tool", "0.1", ["app >=2", "libx"]), noarch: "generic" as const, subdir: "noarch" },
      spec("broken", "1.0", ["missing-dep >=3"]),
      spec("conf-a", "1.0", ["libx 1.0.*"]),
      spec("conf-b", "1.0", ["libx 1.1.*"]),
    ].map(buildPackage),
  );
  mkdirSync(directory, { recursive: true });
  await writeChannel(directory, packages, { subdirs: ["linux-64"] });
  return { url: pathToFileURL(directory).href, packages };
}

function spec(name: string, version: string, depends: string[] = []) {
  return {
    name,
    version,
    subdir: "linux-64",
    depends,
    timestamp: 1_600_000_000_000,
    extraIndex: { license: "MIT" },
    files: [{ path: join("share", name, "f.txt"), content: `${name} ${version}\n` }],
  };
}

/** So that the host's platform and libraries do not show. */
export const FIXED_ENV = {
  CONDA_SUBDIR: "linux-64",
  CONDA_OVERRIDE_GLIBC: "2.31",
  LANG: "C.UTF-8",
  TZ: "UTC",
};
