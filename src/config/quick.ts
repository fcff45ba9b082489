import { assembleConfig, type Config, type ConfigInput } from "./assemble.ts";
import { NotSimple, parseSimpleRc } from "./simple-rc.ts";

/**
 * The same as `loadConfig`. The YAML library, whose loading takes as long as an activation (some 20 ms), is loaded only for
 * files and variables that are more than keys, texts and lists.
 */
export async function loadConfigQuickly(input: ConfigInput): Promise<Config> {
  try {
    return assembleConfig(input, { parseRc: parseSimpleRc, parseValue: refuse });
  } catch (error) {
    if (!(error instanceof NotSimple)) throw error;
  }
  const { loadConfig } = await import("./config.ts");
  return loadConfig(input);
}

function refuse(): never {
  throw new NotSimple();
}
