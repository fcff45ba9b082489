import { ToolError } from "../errors.ts";
import { isJsonObject } from "../util/json.ts";

export type JsonObject = Record<string, unknown>;

/** The object that a file of info/ holds. Throws `archive-invalid` that names the file. */
export function parseInfoJson(text: string, file: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ToolError(
      "archive-invalid",
      `invalid package: its ${file} is no JSON: ${(error as Error).message}`,
    );
  }
  if (!isJsonObject(value))
    throw new ToolError("archive-invalid", `invalid package: its ${file} is no JSON object`);
  return value;
}

/** A text value; numbers are taken as written (some old builders wrote `"version": 1.0`). */
export function textField(raw: JsonObject, key: string, file: string): string | undefined {
  const value = raw[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number") return String(value);
  if (typeof value !== "string")
    throw new ToolError("archive-invalid", `invalid package: \`${key}\` in its ${file} is no text`);
  return value;
}

export function textList(raw: JsonObject, key: string, file: string): string[] | undefined {
  const value = raw[key];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((item): item is string => typeof item === "string")) {
    throw new ToolError("archive-invalid", `invalid package: \`${key}\` in its ${file} is no list of texts`);
  }
  return value;
}
