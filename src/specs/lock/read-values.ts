import { ToolError } from "../../errors.ts";
import { redactText } from "../credentials.ts";
import { YamlDocument } from "../yaml-document.ts";
import { parseRegularYaml } from "./regular-yaml.ts";

/** Reading of hostile plain data: every accessor either returns the type it promises or throws with the file's name. */
export class LockReader {
  constructor(readonly fileName: string) {}

  error(reason: string, hint?: string): ToolError {
    return new ToolError("parse-error", `\`${this.fileName}\`: ${redactText(reason)}`, {
      hint,
      details: { file: this.fileName },
    });
  }

  /** A mapping; undefined and null are an empty one. Keys come from the file: read them with `Object.hasOwn` or `get`. */
  map(value: unknown, what: string): Record<string, unknown> {
    if (value === undefined || value === null) return {};
    if (typeof value !== "object" || Array.isArray(value)) throw this.error(`${what} is not a mapping`);
    return value as Record<string, unknown>;
  }

  list(value: unknown, what: string): unknown[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw this.error(`${what} is not a list`);
    return value;
  }

  get(map: Record<string, unknown>, key: string): unknown {
    return Object.hasOwn(map, key) ? (map[key] ?? undefined) : undefined;
  }

  /** Text, or undefined when the key is absent. Numbers become text: nobody quotes `version: 3`. */
  text(map: Record<string, unknown>, key: string, what: string): string | undefined {
    const value = this.get(map, key);
    if (value === undefined) return undefined;
    if (typeof value === "number") return String(value);
    if (typeof value !== "string") throw this.error(`\`${key}\` of ${what} is not text`);
    return value;
  }

  required(map: Record<string, unknown>, key: string, what: string): string {
    const value = this.text(map, key, what);
    if (value === undefined || value === "") throw this.error(`${what} has no \`${key}\``);
    return value;
  }

  /** A non-negative integer, or undefined when absent. */
  count(map: Record<string, unknown>, key: string, what: string): number | undefined {
    const value = this.get(map, key);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw this.error(`\`${key}\` of ${what} is not a whole number`);
    }
    return value;
  }

  texts(value: unknown, what: string): string[] {
    return this.list(value, what).map((item) => {
      if (typeof item === "string") return item;
      if (typeof item === "number") return String(item);
      throw this.error(`an entry of ${what} is not text`);
    });
  }

  /** A lower-case hexadecimal digest, or undefined. Its length is judged where the archive is verified: a wrong one never matches. */
  digest(map: Record<string, unknown>, key: string, what: string): string | undefined {
    const value = this.text(map, key, what);
    if (value === undefined) return undefined;
    if (!/^[0-9a-f]+$/i.test(value)) throw this.error(`\`${key}\` of ${what} is not a hexadecimal digest`);
    return value.toLowerCase();
  }
}

/** Parses the YAML of a lock file into plain data; aliases are bounded. */
export function lockYaml(text: string, reader: LockReader): Record<string, unknown> {
  const regular = parseRegularYaml(text);
  if (regular && Object.keys(regular).length > 0) return regular;
  const yaml = YamlDocument.parse(text, reader.fileName, "parse-error");
  if (yaml.root === undefined) throw reader.error("the file is empty");
  return reader.map(yaml.plain(yaml.root), "the file");
}
