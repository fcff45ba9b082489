/**
 * What `JSON.stringify(value, null, 2)` gives, in pieces, for documents that are longer than a string may be (512 MB): iterators
 * in dictionaries are written as lists, one item after the other.
 */
export function* jsonPieces(value: unknown, indent = ""): Generator<string> {
  if (isIterator(value)) yield* listPieces(value, indent);
  else if (isDictionary(value)) yield* dictionaryPieces(value, indent);
  else yield indented(value, indent);
}

function* listPieces(items: Iterable<unknown>, indent: string): Generator<string> {
  const inner = `${indent}  `;
  let before = "[";
  for (const item of items) {
    yield `${before}\n${inner}${indented(item, inner)}`;
    before = ",";
  }
  yield before === "[" ? "[]" : `\n${indent}]`;
}

function* dictionaryPieces(value: Record<string, unknown>, indent: string): Generator<string> {
  const inner = `${indent}  `;
  let before = "{";
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined || typeof item === "function") continue;
    yield `${before}\n${inner}${JSON.stringify(key)}: `;
    yield* jsonPieces(item, inner);
    before = ",";
  }
  yield before === "{" ? "{}" : `\n${indent}}`;
}

/** A text in JSON has no line breaks of its own. */
function indented(value: unknown, indent: string): string {
  const text = JSON.stringify(value, null, 2) ?? "null";
  return indent === "" ? text : text.replaceAll("\n", `\n${indent}`);
}

function isIterator(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && "next" in value && Symbol.iterator in value;
}

function isDictionary(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !("toJSON" in value);
}
