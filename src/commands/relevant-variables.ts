import { redactText } from "../specs/credentials.ts";
import type { CommandContext } from "./context.ts";

/** As conda's `info --system`: what configures it, search paths and certificates; of proxies only that they are set. */
export function relevantVariables(env: CommandContext["env"]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of Object.keys(env).sort()) {
    const value = env[name];
    if (value === undefined) continue;
    if (/^(HTTPS?|FTP|ALL|NO)_PROXY$/i.test(name)) found[name] = "<set>";
    else if (/^(CONDA|MAMBA|TAIPAN|_CE_|_CONDA)/.test(name) || OTHER_VARIABLES.test(name))
      found[name] = redactText(value);
  }
  return found;
}

const OTHER_VARIABLES = /PATH$|^(CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|SSL_CERT_(FILE|DIR)|LD_PRELOAD|NETRC)$/;
