import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { readText } from "../fs/files.ts";

/** `conda-meta/frozen` (CEP 22): present, possibly empty, possibly JSON with a message for people. */
export interface Frozen {
  message?: string | undefined;
}

export async function readFrozen(prefix: string): Promise<Frozen | undefined> {
  const text = await readText(join(prefix, "conda-meta", "frozen"));
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as { message?: unknown } | null;
    return typeof value?.message === "string" ? { message: value.message } : {};
  } catch {
    return {};
  }
}

/** Throws `environment-frozen` when the prefix refuses changes. */
export async function refuseFrozen(prefix: string, override: boolean): Promise<void> {
  const frozen = await readFrozen(prefix);
  if (frozen && !override) throwFrozen(prefix, frozen);
}

export function throwFrozen(prefix: string, frozen: Frozen): never {
  throw new ToolError(
    "environment-frozen",
    `the environment at \`${prefix}\` is frozen and must not be changed${frozen.message ? `: ${frozen.message}` : ""}`,
    {
      hint: "create another environment, or pass --override-frozen if you may",
      details: { message: frozen.message },
    },
  );
}
