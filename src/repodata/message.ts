import { decode } from "@msgpack/msgpack";
import { repodataError } from "./decoder.ts";

/** A MessagePack document that must be a dictionary. */
export function decodeMessage(bytes: Uint8Array, label: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (error) {
    throw repodataError(label, `${what} is no MessagePack: ${(error as Error).message}`, error);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value) || value instanceof Uint8Array)
    throw repodataError(label, `${what} is no dictionary`);
  return value as Record<string, unknown>;
}
