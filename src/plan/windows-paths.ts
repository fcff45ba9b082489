/** Directories below a Windows environment that are on PATH while it is active, in order (conda/activate.py). */
const BELOW = [
  "",
  "\\Library\\mingw-w64\\bin",
  "\\Library\\usr\\bin",
  "\\Library\\bin",
  "\\Scripts",
  "\\bin",
];

export function windowsPathDirectories(prefix: string): string[] {
  return BELOW.map((part) => prefix + part);
}
