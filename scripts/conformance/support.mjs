// Small helpers that every adapter uses.
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

export const passed = { status: "passed", detail: "" };

export function failed(detail) {
  return { status: "failed", detail };
}

export function skipped(detail) {
  return { status: "skipped", detail };
}

/** For a case that tells what one peer does, and holds nothing that could be run. */
export function prose(detail) {
  return { status: "skipped", detail, prose: true };
}

/** Passes when both values are deeply equal, with both in the detail otherwise. */
export function expectEqual(actual, expected, what = "value") {
  return isDeepStrictEqual(actual, expected)
    ? passed
    : failed(`${what}: got ${show(actual)}, expected ${show(expected)}`);
}

/** The first failure of several results, or a pass. */
export function all(results) {
  return results.find(({ status }) => status !== "passed") ?? passed;
}

/** The value, or `undefined` and the ToolError's message; anything else that is thrown is a defect and passes through. */
export function attempt(action) {
  try {
    return { value: action(), error: undefined };
  } catch (error) {
    if (error?.name !== "ToolError") throw error;
    return { value: undefined, error: `${error.code}: ${error.message}` };
  }
}

export function show(value) {
  return value === undefined ? "undefined" : JSON.stringify(value);
}

/** Paths of the built executable under other names, as symlinks in a directory. */
export function executables(root, directory, names) {
  mkdirSync(join(directory, "bin"), { recursive: true });
  return Object.fromEntries(
    names.map((name) => {
      const path = join(directory, "bin", name);
      symlinkSync(join(root, "bin", "taipan.js"), path);
      return [name, path];
    }),
  );
}
