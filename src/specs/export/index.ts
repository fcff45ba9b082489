export { condaPurl, type MaterialsExport } from "./bill-of-materials.ts";
export { type LockExport, type LockPlatformExport, writeCondaLock } from "./conda-lock.ts";
export { writeCycloneDx } from "./cyclonedx.ts";
export {
  type EnvironmentDocument,
  type EnvironmentExport,
  type EnvironmentExportOptions,
  environmentDocument,
  exportedSpec,
  writeEnvironmentYaml,
} from "./environment-yaml.ts";
export { type ExplicitOptions, explicitLine, writeExplicit } from "./explicit.ts";
export { writeMambajsLock } from "./mambajs-lock.ts";
export { type PixiEnvironmentExport, writePixiLock } from "./pixi-lock.ts";
export { writeRequirements } from "./requirements.ts";
export { writeSpdx } from "./spdx.ts";
