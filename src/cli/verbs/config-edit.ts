import { editRc, type RcEdit, type RcTarget, readRcKey, warnOfUnknownKey } from "../../commands/config.ts";
import { splitItems } from "../../config/convert.ts";
import { findKey } from "../../config/keys.ts";
import { redactValue } from "../../config/redact.ts";
import { ToolError } from "../../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation, text } from "../invocation.ts";
import type { Session } from "../session.ts";

const NOT_PRESENT = "Key is not present in file";

/** micromamba's `config get`, `set`, `append`, `prepend`, `remove` and `remove-key`. */
export async function run(invocation: Invocation, session: Session): Promise<number> {
  const action = invocation.path.at(-1) ?? "";
  const target = rcTarget(invocation);
  if (action === "get") return get(target, oneWord(invocation.args, "get KEY"), session);
  const refusal =
    ["mamba", "micromamba"].includes(invocation.name) && micromambaRefusal(action, invocation.args.length);
  if (refusal) {
    session.print(refusal);
    return EXIT.ok;
  }
  const edits = editsOf(action, invocation.args);
  const { path, missing } = await editRc(target, edits, session.context);
  if (session.json)
    session.printJson({
      success: missing.length === 0,
      rc_path: path,
      missing: missing.map(({ key }) => key),
    });
  // micromamba's words and exit code: scripts remove keys that may not be there.
  else if (missing.length > 0) session.print(NOT_PRESENT);
  return EXIT.ok;
}

async function get(target: RcTarget, key: string, session: Session): Promise<number> {
  const found = await readRcKey(target, key, session.context);
  if (!found) warnOfUnknownKey([key], session.context);
  if (session.json) session.printJson(found ? { [key]: redactValue(found.value) } : {});
  else session.print(found ? found.text : NOT_PRESENT);
  return EXIT.ok;
}

export function rcTarget(invocation: Invocation): RcTarget {
  return {
    file: text(invocation, "file"),
    system: flag(invocation, "system"),
    env: flag(invocation, "env"),
    target: { name: text(invocation, "name"), prefix: text(invocation, "prefix") },
  };
}

function editsOf(action: string, words: readonly string[]): RcEdit[] {
  switch (action) {
    case "set": {
      if (words.length !== 2) throw misuse("set KEY VALUE", words);
      return [{ kind: "set", key: words[0]!, value: words[1]! }];
    }
    case "append":
    case "prepend": {
      if (words.length < 2 || words.length % 2 === 1)
        throw misuse(`${action} KEY VALUE [KEY VALUE ...]`, words);
      return pairs(words).flatMap(([key, value]) => itemsOf(action, key, value));
    }
    case "remove": {
      if (words.length !== 2) throw misuse("remove KEY VALUE", words);
      return [{ kind: "remove", key: words[0]!, value: words[1]! }];
    }
    default:
      return [{ kind: "remove-key", key: oneWord(words, "remove-key KEY") }];
  }
}

/** As micromamba, several values may stand in one word: `append channels a,b`. They keep their order. */
function itemsOf(kind: "append" | "prepend", key: string, text: string): RcEdit[] {
  const name = findKey(key);
  const values = name ? splitItems(name, text) : [text];
  return (kind === "prepend" ? values.reverse() : values).map((value) => ({ kind, key, value }));
}

/** What micromamba says, with exit code 0, to the wrong number of words. */
function micromambaRefusal(action: string, count: number): string | undefined {
  if (action === "set" && count !== 2) return "Key is invalid or more than one key was received";
  if (action === "remove" && count > 2) return "Only one value can be removed at a time";
  return undefined;
}

function pairs(words: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < words.length; i += 2) result.push([words[i]!, words[i + 1]!]);
  return result;
}

function oneWord(words: readonly string[], usage: string): string {
  const [word, ...rest] = words;
  if (word === undefined || rest.length > 0) throw misuse(usage, words);
  return word;
}

function misuse(usage: string, words: readonly string[]): ToolError {
  const given = words.length === 0 ? "nothing" : `\`${words.join(" ")}\``;
  return new ToolError("usage", `\`config ${usage}\` was given ${given}`, {
    hint: `see \`config ${usage.split(" ")[0]} --help\``,
  });
}
