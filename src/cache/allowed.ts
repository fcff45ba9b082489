import { ToolError } from "../errors.ts";

/** False when this user may not do it, as with what is another's in a cache that several share. */
export async function allowed(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof ToolError && error.code === "permission-denied") return false;
    throw error;
  }
}
