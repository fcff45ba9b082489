import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ToolError } from "../src/errors.ts";
import type { Workflow } from "./workflow.ts";

/** The inputs of action.yml. */
export interface ActionInputs {
  /** Absolute paths and URLs. */
  environmentFiles: readonly string[];
  environmentName: string;
  createArgs: readonly string[];
  condarc: string;
  condarcFile: string | undefined;
  rootPath: string;
  logLevel: string;
  shells: readonly Shell[];
  runShell: boolean;
  cacheKey: string;
  links: readonly string[];
}

const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export function readInputs({ env, cwd }: Workflow): ActionInputs {
  const input = (name: string): string => (env[`INPUT_${name}`] ?? "").trim();
  const words = (name: string): string[] => input(name).split(/\s+/).filter(Boolean);
  const home = env["HOME"] ?? env["USERPROFILE"] ?? homedir();
  const path = (text: string): string =>
    text === "~" || text.startsWith("~/") ? join(home, text.slice(1)) : resolve(cwd, text);
  const shells = words("INIT_SHELL").filter((name) => name !== "none");
  for (const name of shells) {
    if (!SHELLS.includes(name as Shell))
      throw new ToolError("usage", `\`init-shell\` does not know \`${name}\``, {
        hint: `it knows ${SHELLS.join(", ")}`,
      });
  }
  for (const name of words("LINKS")) {
    if (!/^[\w-]+$/.test(name))
      throw new ToolError("usage", `\`${name}\` in \`links\` is no name of a program`);
  }
  return {
    environmentFiles: input("ENVIRONMENT_FILE")
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter(Boolean)
      .map((line) => (/^https?:/.test(line) ? line : path(line))),
    environmentName: input("ENVIRONMENT_NAME"),
    createArgs: splitWords(input("CREATE_ARGS")),
    condarc: env["INPUT_CONDARC"] ?? "",
    condarcFile: input("CONDARC_FILE") ? path(input("CONDARC_FILE")) : undefined,
    rootPath: path(input("ROOT_PATH") || "~/taipan"),
    logLevel: input("LOG_LEVEL"),
    shells: shells as Shell[],
    runShell: input("GENERATE_RUN_SHELL") === "true",
    cacheKey: input("CACHE_DOWNLOADS_KEY"),
    links: words("LINKS"),
  };
}

/** Words as a shell splits them, with quotes; nothing is expanded, and no shell sees them. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (const char of text) {
    if (quote) {
      if (char === quote) quote = "";
      else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote) throw new ToolError("usage", `\`create-args\` has a ${quote} without a second one`);
  if (word !== undefined) words.push(word);
  return words;
}
