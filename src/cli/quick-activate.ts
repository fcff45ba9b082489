import { activationScript } from "../commands/activation.ts";
import type { Dialect } from "../config/assemble.ts";
import { loadConfigQuickly } from "../config/quick.ts";
import { homeDirectory } from "../host/system.ts";
import { hostPlatform } from "../specs/platform.ts";

type Operation = "activate" | "deactivate" | "reactivate";

interface Request {
  operation: Operation;
  shell?: string;
  environment?: string;
  name?: string;
  prefix?: string;
  rootPrefix?: string;
  stack?: boolean;
}

/**
 * `shell activate`, `deactivate` and `reactivate` as the hooks call them, without the option parser and the session: these run
 * in every new shell, and loading the rest takes twice as long as Node.js itself (measured: 160 ms of processor time against
 * 75 ms, of which 50 ms are Node's). Returns false, having printed nothing, for every other form, for warnings and for errors:
 * the common way then does it all again and says what there is to say.
 */
export async function activateQuickly(argv: readonly string[], name: string): Promise<boolean> {
  const request = readWords(argv.slice(2));
  if (!request) return false;
  try {
    const text = await script(request, argv, name);
    if (text === undefined) return false;
    process.stdout.write(text);
    return true;
  } catch {
    return false;
  }
}

async function script(
  request: Request,
  argv: readonly string[],
  dialect: string,
): Promise<string | undefined> {
  const env = process.env;
  const home = homeDirectory(env);
  const cwd = process.cwd();
  const platform = hostPlatform(process.platform, process.arch);
  const { operation, shell, environment, stack } = request;
  const config = await loadConfigQuickly({
    overrides: { rootPrefix: request.rootPrefix },
    env,
    home,
    cwd,
    platform,
    dialect: dialect as Dialect,
    targetPrefix: env["CONDA_PREFIX"],
  });
  if (config.warnings.length > 0 || config.values.json) return undefined;
  const context = {
    config: config.values,
    env,
    cwd,
    home,
    hostPlatform: platform,
    commandLine: argv.slice(1),
    dialect: dialect as Dialect,
  };
  const target = { name: request.name, prefix: request.prefix };
  const result = await activationScript({ operation, shell, environment, target, stack }, context);
  return result.warnings.length > 0 || result.shell === "cmd.exe" ? undefined : result.text;
}

const VALUES: Readonly<Record<string, "shell" | "name" | "prefix" | "rootPrefix">> = {
  "-s": "shell",
  "--shell": "shell",
  "-n": "name",
  "--name": "name",
  "-p": "prefix",
  "--prefix": "prefix",
  "-r": "rootPrefix",
  "--root-prefix": "rootPrefix",
};

/** The request, if the words have no other options than the ones above; undefined otherwise. */
function readWords(words: readonly string[]): Request | undefined {
  const [command, operation, ...rest] = words;
  const ofConda = /^shell\.([a-z]+)$/.exec(command ?? "");
  if (command !== "shell" && !ofConda) return undefined;
  if (operation !== "activate" && operation !== "deactivate" && operation !== "reactivate") return undefined;
  const request: Request = { operation, ...(ofConda ? { shell: ofConda[1]! } : {}) };
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!;
    const key = VALUES[word];
    const value = rest[i + 1];
    if (key !== undefined) {
      if (value === undefined || value.startsWith("-")) return undefined;
      request[key] = value;
      i += 1;
    } else if (word === "--stack" && operation === "activate") request.stack = true;
    else if (
      word.startsWith("-") ||
      word === "" ||
      operation !== "activate" ||
      request.environment !== undefined
    )
      return undefined;
    else request.environment = word;
  }
  return request;
}
