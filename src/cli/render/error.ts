import { ToolError } from "../../errors.ts";
import { type Colors, printable } from "../terminal.ts";
import { condaUsageError, exceptionName, inWordsOfConda } from "./conda-words.ts";

/**
 * Anything thrown, as a ToolError: what is not one is a defect of taipan and says so. Undefined where all has been said
 * already (commander has printed a help). `program` is the name in hints; conda's failures are in conda's words.
 */
export function asToolError(error: unknown, program = "taipan"): ToolError | undefined {
  if (error instanceof ToolError && error.message !== "interrupted")
    return program === "conda" ? inWordsOfConda(error) : error;
  const { name, code, message = String(error) } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  // The code of a DOMException, such as an AbortError, is a number.
  if (typeof code === "string" && code.startsWith("commander.")) return usageError(code, message, program);
  if (name === "AbortError" || error instanceof ToolError)
    return new ToolError("interrupted", "interrupted: nothing was left half done");
  return new ToolError("internal", `unexpected failure: ${message}`, {
    hint: "this is a defect of taipan: please report it to its issue tracker, with what -vv prints",
    cause: error,
  });
}

/** commander's message, which begins with `error:` and may end with a suggestion in parentheses. */
function usageError(code: string, message: string, program: string): ToolError | undefined {
  if (code === "commander.help" || code === "commander.helpDisplayed") return undefined;
  const [, text = message, near] =
    /^(?:error: )?(.*?)(?:\n\(Did you mean (?:one of )?(.+)\?\))?$/s.exec(message) ?? [];
  const word = /^unknown command '(.*)'$/.exec(text)?.[1];
  if (word !== undefined && (program === "micromamba" || program === "mamba")) {
    // In micromamba's words, which programs look for.
    const meant = near ? `Did you mean '${near.split(", ")[0]}'?\n` : "";
    return new ToolError("usage", `The following argument was not expected: ${word}`, {
      hint: `${meant}Run with --help for more information.`,
    });
  }
  if (program === "conda") return condaUsageError(text, near);
  const [, flags, value] = /^option '(.*?) (<.*>)' argument missing$/.exec(text) ?? [];
  if (value) return new ToolError("usage", `\`${flags}\` needs a value: ${value}`);
  const names = near?.split(", ").map((name) => `\`${name}\``);
  return new ToolError("usage", text.replaceAll("'", "`"), {
    hint: names
      ? `did you mean ${names.join(" or ")}?`
      : `\`${program} --help\` lists the commands, \`${program} COMMAND --help\` their options`,
  });
}

/** By conda's name the failure begins with the name of conda's exception, as programs that call conda look for it. */
export function renderError(error: ToolError, colors: Colors, verbosity = 0, program = "taipan"): string {
  const word = program === "conda" ? exceptionName(error).replace(/^SystemExit$/, "conda: error") : "error";
  const lines = [`${colors.red(`${word}:`)} ${printable(error.message)}`];
  const output = error.details?.["output"];
  if (error.code === "script-failed" && typeof output === "string" && output !== "")
    lines.push(printable(output).replace(/^/gm, "  "));
  if (error.hint)
    for (const hint of error.hint.split("\n")) lines.push(`${colors.cyan("hint:")} ${printable(hint)}`);
  if (verbosity >= 2) {
    for (let at: unknown = error; at instanceof Error; at = at.cause)
      lines.push(colors.dim(at.stack ?? at.message));
  }
  return `${lines.join("\n")}\n`;
}

/** conda's error document: `error`, `exception_name`, `message`, plus taipan's stable `code`, `hint` and facts. */
export function errorDocument(error: ToolError): Record<string, unknown> {
  const name = exceptionName(error);
  return {
    success: false,
    error: `${name}: ${error.message}`,
    exception_name: name,
    exception_type: `<class 'conda.exceptions.${name}'>`,
    message: error.message,
    caused_by: error.cause instanceof Error ? error.cause.message : "None",
    code: error.code,
    hint: error.hint ?? null,
    ...formatted(error.details, "packages"),
    ...formatted(error.details, "channel_urls", "channels"),
    ...error.details,
  };
}

/** conda's twin of a list, as the text it prints. */
function formatted(details: ToolError["details"], key: string, name = key): Record<string, string> {
  const list = details?.[key];
  return Array.isArray(list) ? { [`${name}_formatted`]: list.map((entry) => `\n  - ${entry}`).join("") } : {};
}
