import { stringify } from "yaml";
import { variableNames } from "./config.ts";
import type { KeyDefinition, KeyGroup } from "./key-types.ts";
import { KEY_NAMES, type KeyName, keyDefinition } from "./keys.ts";

/** docs/configuration.md, written from the table of keys so that it cannot fall behind. */
export function configurationPage(): string {
  const groups = [...new Set(KEY_NAMES.map((name) => keyDefinition(name).group))];
  const inFiles = (group: KeyGroup) =>
    KEY_NAMES.filter((name) => keyDefinition(name).group === group && keyDefinition(name).rc);
  const sections = groups
    .filter((group) => inFiles(group).length > 0)
    .map((group) => `## ${group}\n\n${inFiles(group).map(keySection).join("\n")}`);
  const flags = KEY_NAMES.filter((name) => !keyDefinition(name).rc && keyDefinition(name).env.length > 0);
  const rows = flags.map(
    (name) =>
      `| ${variableNames(name, "taipan").map(code).join(", ")} | ${keyDefinition(name).description} |`,
  );
  const table = `| variable | |\n| --- | --- |\n${rows.filter((row) => !row.startsWith("|  |")).join("\n")}\n`;
  return `${INTRODUCTION}\n${sections.join("\n")}\n## Only variables and options\n\n${table}`;
}

function keySection(name: KeyName): string {
  const key = keyDefinition(name);
  const facts = [
    `default ${key.defaultText?.replaceAll("<", "&lt;") ?? code(defaultText(key))}`,
    kindText(key),
    ...(key.aliases.length > 0 ? [`also ${key.aliases.map(code).join(", ")}`] : []),
  ];
  const extra = variableNames(name, "taipan").filter(
    (variable) => !variable.endsWith(`_${name.toUpperCase()}`),
  );
  const more = extra.length > 0 ? ` Also read from ${extra.map(code).join(", ")}.` : "";
  const details = key.details ? `\n${key.details.replaceAll("<", "&lt;").replaceAll("*", "\\*")}\n` : "";
  return `### ${name}\n\n${key.description}.${more}\n\n*${facts.join(" · ")}*\n${details}`;
}

function kindText(key: KeyDefinition): string {
  if (key.choices) return key.choices.map(code).join(", ");
  const words: Record<KeyDefinition["kind"], string> = {
    boolean: "true or false",
    integer: "whole number",
    number: "number",
    string: key.path ? "path" : "text",
    list: key.path ? "list of paths" : "list",
    map: "map of texts",
    listmap: "map of lists",
    settings: "list of maps",
    ssl: "true, false or a path",
  };
  return words[key.kind];
}

function defaultText(key: KeyDefinition): string {
  return stringify(key.default, { collectionStyle: "flow", lineWidth: 0 }).trimEnd();
}

function code(text: string): string {
  return `\`${text}\``;
}

const INTRODUCTION = `# Configuration

<!-- Written by scripts/write-configuration-docs.mjs from src/config/keys.ts. -->

taipan reads conda's and mamba's configuration: condarc files, environment variables and options, in this order of rising
precedence:

1. \`/etc/conda\`, \`/var/lib/conda\` (Windows: \`C:\\ProgramData\\conda\`), then the root prefix: \`.condarc\`, \`condarc\`,
   \`condarc.d/*.yml\`, \`.mambarc\` in each
2. \`~/.config/conda\`, \`$XDG_CONFIG_HOME/conda\`, \`~/.conda\` with the same names, then \`~/.condarc\`
3. \`$CONDA_PREFIX/.condarc\` and its kin, then the file \`$CONDARC\`
4. \`~/.config/mamba\`, \`$XDG_CONFIG_HOME/mamba\`, \`~/.mamba\` (\`.mambarc\`, \`mambarc\`, \`mambarc.d/*.yml\`), \`~/.mambarc\`, the file \`$MAMBARC\`
5. the target environment's \`.condarc\` and its kin
6. environment variables: \`CONDA_<KEY>\`, over them \`MAMBA_<KEY>\`, over them \`TAIPAN_<KEY>\`
7. options of the command line

\`--rc-file FILE\` reads only that file (several: the first wins), \`--no-rc\` none, \`--no-env\` no variables.
\`taipan config sources\` lists the files that were read, \`taipan config list -s\` says where each value comes from, with
secrets hidden.

A single value comes from the highest source. Lists are joined, the highest source first, without repetitions. Maps are
joined by entry. Comments behind a value steer that, as in conda: \`#!top\` and \`#!bottom\` move list items to an end,
and a key marked \`#!final\` ignores every higher source, so that an administrator can settle a value. Run by the name
\`micromamba\` or \`mamba\`, the highest map wins whole, only micromamba's own variables are read, and a wrong value in a
file is a warning, not an error.

\`$NAME\` and \`\${NAME}\` in values are replaced by environment variables that exist, after the YAML was parsed. In
lists of paths \`~\` is the home directory. A key that nobody knows is warned about, with the nearest one that exists.

Editing keeps comments: \`taipan config set KEY VALUE\`, \`append\`, \`prepend\`, \`remove\`, \`remove-key\`, \`get\`, or
conda's \`config --set\`, \`--add\`, \`--append\`, \`--remove\`, \`--remove-key\`, \`--get\`, \`--show\`, \`--show-sources\`,
\`--describe\`.
`;
