import { ToolError } from "../errors.ts";

/**
 * Refuses options that say different things of one setting. The option parser cannot tell: for it, of `--channel-priority X` and
 * `--no-channel-priority` the last one counts. `words` are those of the command line in their one form.
 */
export function refuseContradictions(words: readonly string[]): void {
  const end = words.indexOf("--");
  const said = new Map<string, string>();
  for (const [i, word] of words.slice(0, end < 0 ? undefined : end).entries()) {
    const value = word === "--channel-priority" ? words[i + 1] : /^--channel-priority=(.*)$/.exec(word)?.[1];
    if (value !== undefined) said.set(value, `--channel-priority ${value}`);
    else if (word === "--no-channel-priority") said.set("disabled", word);
    else if (word === "--strict-channel-priority") said.set("strict", word);
  }
  if (said.size < 2) return;
  const [one, other] = said.values();
  throw new ToolError("usage", `\`${one}\` and \`${other}\` contradict each other`, {
    hint: "give one of them",
  });
}
