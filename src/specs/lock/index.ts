export { parseCondaLock } from "./conda-lock.ts";
export { parseMambajsLock } from "./mambajs-lock.ts";
export { parsePixiLock } from "./pixi-lock.ts";
export { type LockSelection, type LockSelector, parseLockFile, selectLocked } from "./select.ts";
export type {
  LockedCondaPackage,
  LockedEnvironment,
  LockedPlatform,
  LockedPypiPackage,
  LockFile,
  LockFileOptions,
  LockFormat,
} from "./types.ts";
