import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { longName, optionsOf, shortName } from "../../src/cli/program.ts";
import { COMMANDS, type CommandSpec } from "../../src/cli/verbs.ts";
import { repoRoot, sharedPath } from "../support/shared.ts";

const file = sharedPath("conformance", "cli_json", "options.json");

/** The command that the words name. */
function find(words: readonly string[]): CommandSpec | undefined {
  let level: readonly CommandSpec[] = COMMANDS;
  let found: CommandSpec | undefined;
  for (const word of words) {
    found = level.find((spec) => spec.name === word || spec.aliases?.includes(word));
    if (!found) return undefined;
    level = found.commands ?? [];
  }
  return found;
}

function leaves(spec: CommandSpec): CommandSpec[] {
  return spec.load ? [spec] : (spec.commands ?? []).flatMap(leaves);
}

/** Rows of the table of options that are left out, each with its reason: `| --flag | why |`. */
function leftOut(): Set<string> {
  const text = readFileSync(join(repoRoot, "docs", "conda-compat.md"), "utf8");
  const section = text.split(/^## Options of micromamba/m)[1]?.split(/^## /m)[0] ?? "";
  return new Set([...section.matchAll(/^\| `([^|]+)` \| \S/gm)].flatMap((match) => match[1]!.split("`, `")));
}

describe.skipIf(!file)("every option of micromamba", () => {
  const options: Record<string, string[][]> = file
    ? JSON.parse(readFileSync(file, "utf8")).micromamba
    : { none: [] };
  const known = leftOut();
  for (const [command, groups] of Object.entries(options)) {
    it(`${command}: is accepted, or left out for a written reason`, () => {
      if (known.has(command)) return;
      const spec = find(command.split(" "));
      expect(spec, `no command ${command}`).toBeDefined();
      const accepted = new Set(["-h", "--help"]);
      // Options of a group of commands may stand behind the command they are for.
      for (const option of leaves(spec!).flatMap(optionsOf)) {
        accepted.add(longName(option));
        const short = shortName(option);
        if (short) accepted.add(short);
        for (const other of option.also ?? []) accepted.add(other);
        for (const other of option.alsoAs?.["micromamba"] ?? []) accepted.add(other);
      }
      const missing = groups
        .flat()
        .filter((flag) => !accepted.has(flag) && !known.has(flag) && !known.has(`${command} ${flag}`));
      expect(missing).toEqual([]);
    });
  }
});
