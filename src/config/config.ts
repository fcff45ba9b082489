import { assembleConfig, type Config, type ConfigInput } from "./assemble.ts";
import { parseRc, parseValue } from "./rc-parse.ts";

export {
  type Config,
  type ConfigInput,
  type ConfigLayer,
  type ConfigWarning,
  type Dialect,
  variableNames,
} from "./assemble.ts";

/**
 * Loads the whole configuration. Throws `config-invalid` for a variable of the wrong type and, except in
 * micromamba's dialect, for a file that is no YAML and a value of the wrong type in a file; `usage` for --rc-file together with --no-rc.
 */
export function loadConfig(input: ConfigInput): Config {
  return assembleConfig(input, { parseRc, parseValue });
}
