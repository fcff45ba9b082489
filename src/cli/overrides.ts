import type { ConfigValues } from "../config/keys.ts";
import { ToolError } from "../errors.ts";
import { flag, type Invocation, text } from "./invocation.ts";

/** Command-line options that are configuration keys, by the key's camel-case name. */
export function configOverrides(invocation: Invocation): Partial<ConfigValues> {
  const { options } = invocation;
  const overrides: Record<string, unknown> = {};
  for (const key of SAME_NAME)
    if (options[key] !== undefined && !Array.isArray(options[key])) overrides[key] = options[key];
  const rename: [string, keyof ConfigValues][] = [
    ["yes", "alwaysYes"],
    ["repodataTtl", "localRepodataTtl"],
    ["repodataTtl", "repodataShardsTtl"],
    ["strategy", "solveStrategy"],
    ["solverTimeout", "solverTimeoutSecs"],
    ["lockTimeout", "lockTimeout"],
    ["pyc", "compilePyc"],
    ["repodataFn", "repodataFns"],
    ["trustedChannels", "trustedChannels"],
  ];
  for (const [from, to] of rename)
    if (options[from] !== undefined)
      overrides[to] = SECONDS.has(from) ? secondsOf(from, options[from]) : options[from];
  for (const [from, to] of [
    ["pin", "noPin"],
    ["pyPin", "noPyPin"],
    ["deps", "noDeps"],
  ] as const) {
    if (typeof options[from] === "boolean") overrides[to] = !options[from];
  }
  if (flag(invocation, "strictChannelPriority")) overrides["channelPriority"] = "strict";
  if (options["channelPriority"] === false) overrides["channelPriority"] = "disabled";
  if (flag(invocation, "runLinkScripts"))
    Object.assign(overrides, { skipRunLinkScripts: false, linkScripts: "run" });
  else if (options["linkScripts"] !== undefined) overrides["skipRunLinkScripts"] = false;
  if (flag(invocation, "overrideFrozen")) overrides["protectFrozenEnvs"] = false;
  // conda's old `env create --force` replaces what is there.
  if (invocation.path.join(" ") === "env create" && flag(invocation, "force")) overrides["alwaysYes"] = true;
  if (flag(invocation, "clobber")) overrides["pathConflict"] = "clobber";
  if (flag(invocation, "debug")) overrides["verbose"] = 2;
  if (flag(invocation, "insecure")) overrides["sslVerify"] = false;
  if (flag(invocation, "jsonEvents")) overrides["progress"] = "json";
  const verify = text(invocation, "sslVerify");
  if (verify !== undefined)
    overrides["sslVerify"] = verify === "<false>" || verify === "false" ? false : verify;
  return overrides as Partial<ConfigValues>;
}

const SAME_NAME = [
  "rootPrefix",
  "verbose",
  "quiet",
  "json",
  "progress",
  "dryRun",
  "offline",
  "downloadOnly",
  "overrideChannels",
  "channelPriority",
  "channelAlias",
  "cacertPath",
  "useIndexCache",
  "skipRunLinkScripts",
  "linkScripts",
  "alwaysCopy",
  "alwaysSoftlink",
  "allowSoftlinks",
  "safetyChecks",
  "extraSafetyChecks",
  "onlyDeps",
  "allowUninstall",
  "allowDowngrade",
  "excludeNewer",
  "platform",
  "freezeInstalled",
  "forceReinstall",
  "logLevel",
  "retryCleanCache",
  "shortcuts",
  "useUv",
  "relocatePrefix",
  "verifyArtifacts",
  "repodataUseZst",
  "showChannelUrls",
] as const satisfies readonly (keyof ConfigValues)[];

const SECONDS: ReadonlySet<string> = new Set(["repodataTtl", "solverTimeout", "lockTimeout"]);

function secondsOf(option: string, value: unknown): number {
  const number = Number(value);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new ToolError("usage", `\`${String(value)}\` is not a number of seconds`, {
    hint: `give --${option.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} a number`,
  });
}
