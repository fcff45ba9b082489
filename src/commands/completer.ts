import { basename, join } from "node:path";
import { KEY_NAMES, keyDefinition } from "../config/keys.ts";
import { ignoreEvents } from "../events.ts";
import { listDir } from "../fs/files.ts";
import { closeIndexes } from "../repodata/load.ts";
import { type CompletionContext, complete } from "../shell/completion.ts";
import { chooseChannels, loadIndexes } from "./channels.ts";
import type { CommandContext } from "./context.ts";
import { targetContext } from "./environment.ts";
import { knownEnvironments } from "./environments.ts";
import { displayName, resolveTarget } from "./target.ts";

type Kind = Parameters<CompletionContext["candidates"]>[0];

export interface CompletionIntent {
  /** Words after the program's name; the last one is being completed. */
  words: readonly string[];
  root: CompletionContext["root"];
}

/** What the last word can become, sorted. Never asks a server: package names are those of cached indexes. */
export async function completions(intent: CompletionIntent, context: CommandContext): Promise<string[]> {
  // First asked what kind is needed, as finding candidates takes time and is asynchronous.
  let needed: Kind | undefined;
  complete(intent.words, {
    root: intent.root,
    candidates: (kind) => {
      needed = kind;
      return [];
    },
  });
  const candidates = needed ? await candidatesOf(needed, intent.words, context).catch(() => []) : [];
  return complete(intent.words, { root: intent.root, candidates: () => candidates });
}

async function candidatesOf(
  kind: Kind,
  words: readonly string[],
  context: CommandContext,
): Promise<readonly string[]> {
  switch (kind) {
    case "environment":
      return environmentNames(context);
    case "config-key":
      return KEY_NAMES.filter((name) => keyDefinition(name).rc);
    case "installed-package":
      return installedNames(words, context);
    case "package":
      return packageNames(words, context);
  }
}

async function environmentNames(context: CommandContext): Promise<string[]> {
  const prefixes = await knownEnvironments(context);
  const names = prefixes.map((prefix) => displayName(prefix, context.config));
  return [...new Set(["base", ...names])];
}

/** By the names of the files in conda-meta: `<name>-<version>-<build>.json`. */
async function installedNames(words: readonly string[], context: CommandContext): Promise<string[]> {
  const target = {
    name: optionValue(words, "-n", "--name")[0],
    prefix: optionValue(words, "-p", "--prefix")[0],
  };
  const prefix = await resolveTarget(target, targetContext(context));
  const files = await listDir(join(prefix ?? context.config.rootPrefix, "conda-meta"));
  return files.flatMap((file) => /^(.+)-[^-]+-[^-]+\.json$/.exec(basename(file))?.[1] ?? []);
}

async function packageNames(words: readonly string[], context: CommandContext): Promise<string[]> {
  const silent = {
    ...context,
    events: ignoreEvents,
    config: { ...context.config, offline: true, useIndexCache: true },
  };
  const channels = chooseChannels(
    { channels: optionValue(words, "-c", "--channel"), fileChannels: [], nodefaults: false },
    silent,
  );
  const names = new Set<string>();
  // One by one: a channel that was never fetched must not hide the others.
  for (const channel of channels) {
    const indexes = await loadIndexes([channel], [], silent).catch(() => []);
    for (const index of indexes) for (const name of index.names()) names.add(name);
    closeIndexes(indexes);
  }
  return [...names];
}

/** Values of an option among the words before the last. */
function optionValue(words: readonly string[], short: string, long: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < words.length - 1; i++) {
    const word = words[i]!;
    if ((word === short || word === long) && i + 1 < words.length - 1) values.push(words[i + 1]!);
    else if (word.startsWith(`${long}=`)) values.push(word.slice(long.length + 1));
  }
  return values;
}
