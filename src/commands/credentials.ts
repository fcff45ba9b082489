import { join } from "node:path";
import type { ConfigValues } from "../config/keys.ts";
import type { CredentialSources } from "../net/credentials.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** Where secrets may lie on this machine, beside channel URLs. */
export function credentialSources(
  config: Pick<ConfigValues, "addAnacondaToken">,
  home: string,
  env: Variables,
): CredentialSources {
  return {
    home,
    netrc: env["NETRC"] || undefined,
    tokenDirs: config.addAnacondaToken ? anacondaTokenDirs(home, env) : [],
  };
}

/** Every place where anaconda-client has kept tokens, as conda's `gateways/anaconda_client.py` and mamba find them. */
function anacondaTokenDirs(home: string, env: Variables): string[] {
  const binstar = env["BINSTAR_CONFIG_DIR"];
  const local = env["LOCALAPPDATA"];
  return [
    ...(binstar ? [join(binstar, "data")] : []),
    join(env["XDG_DATA_HOME"] || join(home, ".local", "share"), "binstar"),
    join(home, "Library", "Application Support", "binstar"),
    ...(local ? [join(local, "ContinuumIO", "binstar")] : []),
    join(home, ".continuum", "anaconda-client", "tokens"),
  ];
}
