import { parseError } from "../errors.ts";

/** One `key=value` of a bracket group; lists (`[a, b]`) are kept apart from strings. `position` is where the value starts. */
export interface SpecKey {
  key: string;
  value: string | readonly string[];
  position: number;
}

/** A MatchSpec cut into its positional text and its keyword expressions. */
export interface SplitSpec {
  positional: string;
  keys: readonly SpecKey[];
}

/**
 * Finds the bracket group that ends a MatchSpec (CEP 29: one, after the positional part) and reads it. Also the historical
 * `(optional,target=x)` after it, and ` # comment`. Throws `parse-error` with the position.
 */
export function splitSpec(source: string): SplitSpec {
  const reader = new KeyReader(source);
  const masked = maskRegexes(source);
  const open = findKeyBracket(masked);
  if (open < 0) {
    const comment = source.indexOf("#");
    const positional = (comment < 0 ? source : source.slice(0, comment)).trim();
    if (masked.includes("]") && !masked.includes("["))
      throw parseError("match spec", source, source.indexOf("]"), "a `]` has no `[`");
    if (!positional.endsWith(")")) return { positional, keys: [] };
    const start = positional.lastIndexOf("(");
    if (start < 0) throw parseError("match spec", source, positional.length - 1, "a `)` has no `(`");
    const from = source.indexOf(positional) + start;
    return { positional: positional.slice(0, start).trim(), keys: reader.readLegacyGroup(from) };
  }
  const keys = reader.readBrackets(open);
  const legacy = reader.readTail();
  return { positional: source.slice(0, open).trim(), keys: [...keys, ...legacy] };
}

/** Brackets inside a positional `^regex$` are not ours: the text of such words becomes dots, positions stay. */
function maskRegexes(source: string): string {
  return source.replace(/(?<=^|[\s=:])\^[^\s$]*\$(?=$|[\s[=])/g, (word) => ".".repeat(word.length));
}

/** The first `[` that is not a platform filter of a channel (`conda-forge[linux-64]::numpy`). */
function findKeyBracket(source: string): number {
  const open = source.indexOf("[");
  if (open < 0) return -1;
  const hash = source.search(/(?:^|\s)#/);
  if (hash >= 0 && hash < open) return -1;
  const close = source.indexOf("]", open);
  if (close >= 0 && source[close + 1] === ":" && !/[='"]/.test(source.slice(open, close)))
    return source.indexOf("[", close);
  return open;
}

/** Reads keyword expressions from a position onwards. */
class KeyReader {
  private position = 0;

  constructor(private readonly source: string) {}

  readBrackets(open: number): SpecKey[] {
    this.position = open + 1;
    const keys: SpecKey[] = [];
    const bare: number[] = [];
    for (;;) {
      this.skip(/[\s,]/);
      if (this.position >= this.source.length) throw this.fail(open, "the bracket is not closed");
      if (this.peek() === "]") break;
      const start = this.position;
      const key = this.word();
      if (key === "") throw this.fail(start, `\`${this.peek()}\` is not expected here`);
      this.skip(/\s/);
      const operator = this.readOperator(key);
      if (operator !== undefined) keys.push({ key, ...this.readValue(operator, key) });
      else if (key === "optional") keys.push({ key, value: "true", position: start });
      else bare.push(start);
      this.expectSeparator();
    }
    this.position++;
    // conda and libmamba skip words without a value when there are others with one; newer keys have no such history.
    const first = bare[0];
    if (
      first !== undefined &&
      (keys.length === 0 || keys.some(({ key }) => key === "when" || key === "extras" || key === "flags"))
    ) {
      throw this.fail(
        first,
        "a key without a value",
        "brackets hold key=value pairs; an extra is asked for with name[extras=[word]]",
      );
    }
    return keys;
  }

  /** What may follow the brackets: nothing, a comment, or `(optional,target=name)`. */
  readTail(): SpecKey[] {
    this.skip(/\s/);
    const next = this.peek();
    if (next === "(") return this.readLegacyGroup(this.position);
    if (next !== "" && next !== "#")
      throw this.fail(this.position, "nothing may follow the brackets", "write the version before them");
    return [];
  }

  readLegacyGroup(open: number): SpecKey[] {
    const close = this.source.indexOf(")", open);
    const items = close < 0 ? [""] : this.source.slice(open + 1, close).split(",");
    const pairs = items.map((item) => /^\s*(optional|target)\s*(?:=\s*(\S+))?\s*$/.exec(item));
    const after = this.source.slice(close + 1).trim();
    if (close < 0 || pairs.includes(null) || (after !== "" && !after.startsWith("#"))) {
      throw this.fail(
        open,
        "parentheses belong into the version key",
        "write for example python[version='(>=3.8,<3.10)|>=3.11']",
      );
    }
    return pairs.map((pair) => ({ key: pair?.[1] ?? "", value: pair?.[2] ?? "true", position: open + 1 }));
  }

  /** The operator of `version<2` and `build_number>=3` belongs to the value; undefined when the word stands alone. */
  private readOperator(key: string): string | undefined {
    const found = /^(?:[<>]=?|[!~]=|==?)/.exec(this.source.slice(this.position, this.position + 2))?.[0];
    if (found === undefined) return undefined;
    if (found !== "=" && found !== "==" && key !== "version" && key !== "build_number") {
      throw this.fail(this.position, `\`${key}\` is compared with \`=\` only`);
    }
    this.position += found === "==" ? 1 : found.length;
    return found === "=" || found === "==" ? "" : found;
  }

  private readValue(operator: string, key: string): { value: string | readonly string[]; position: number } {
    this.skip(/\s/);
    const position = this.position;
    const next = this.peek();
    if (next === "[" && operator === "") return { value: this.readList(), position };
    const text = next === "'" || next === '"' ? this.readQuoted(key === "when") : this.readBare();
    if (text.trim() === "") throw this.fail(position, `the value of \`${key}\` is empty`);
    return { value: operator + text.trim(), position };
  }

  private readList(): readonly string[] {
    const open = this.position++;
    const items: string[] = [];
    for (;;) {
      this.skip(/[\s,]/);
      const next = this.peek();
      if (next === "") throw this.fail(open, "the list is not closed");
      if (next === "]") break;
      if (next === "[") throw this.fail(this.position, "lists cannot be nested");
      const item = next === "'" || next === '"' ? this.readQuoted() : this.take(/[^\s,[\]'"]/);
      if (item === "") throw this.fail(this.position, "an item is empty");
      items.push(item);
      this.skip(/\s/);
      if (this.peek() !== "," && this.peek() !== "]")
        throw this.fail(this.position, "items are separated by commas");
    }
    this.position++;
    if (items.length === 0) throw this.fail(open, "the list is empty");
    return items;
  }

  /**
   * Python string literals as far as specs need them: a backslash escapes a quote or a backslash. With `nested`, quotes inside
   * brackets belong to the text: conda writes `when='(a and b[version='>=1'])'`.
   */
  private readQuoted(nested = false): string {
    const open = this.position;
    const quote = this.peek();
    let out = "";
    let depth = 0;
    for (let i = open + 1; i < this.source.length; i++) {
      const char = this.source[i] as string;
      const next = this.source[i + 1];
      if (char === "\\" && (next === quote || next === "\\")) {
        out += next;
        i++;
      } else if (char === quote && depth === 0) {
        this.position = i + 1;
        return out;
      } else {
        if (nested && char === "[") depth++;
        if (nested && char === "]") depth--;
        out += char;
      }
    }
    throw this.fail(open, "the quote is not closed");
  }

  /** Up to a comma, space or bracket; brackets and quotes inside must balance (`when=python[version='>=2']`). */
  private readBare(): string {
    const start = this.position;
    let depth = 0;
    while (this.position < this.source.length) {
      const char = this.peek();
      if (depth > 0 && (char === "'" || char === '"')) {
        this.readQuoted();
        continue;
      }
      if (char === "[") depth++;
      else if (char === "]" && depth-- === 0) break;
      else if (depth === 0 && /[\s,'"]/.test(char)) break;
      this.position++;
    }
    return this.source.slice(start, this.position);
  }

  private expectSeparator(): void {
    const next = this.peek();
    if (
      next !== "," &&
      next !== "]" &&
      next !== "" &&
      !/\s/.test(next) &&
      !/\s/.test(this.source[this.position - 1] ?? "")
    ) {
      throw this.fail(this.position, "keys are separated by commas");
    }
  }

  private word(): string {
    return this.take(/[A-Za-z0-9_]/);
  }

  private take(pattern: RegExp): string {
    const start = this.position;
    this.skip(pattern);
    return this.source.slice(start, this.position);
  }

  private skip(pattern: RegExp): void {
    while (this.position < this.source.length && pattern.test(this.peek())) this.position++;
  }

  private peek(): string {
    return this.source[this.position] ?? "";
  }

  private fail(position: number, reason: string, hint?: string): Error {
    return parseError("match spec", this.source, position, reason, hint);
  }
}
