// Writes docs/configuration.md from the table of configuration keys. Needs the built library: `npm run build` first.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const library = process.argv[2] ?? join(root, "dist", "index.js");
const { configurationPage } = await import(pathToFileURL(library).href);
writeFileSync(join(root, "docs", "configuration.md"), configurationPage());
