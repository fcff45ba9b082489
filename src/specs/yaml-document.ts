import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { type ErrorCode, ToolError } from "../errors.ts";
import { type FilePosition, fileError } from "./file-error.ts";

export { type FilePosition, fileError } from "./file-error.ts";

/** Longer files are refused before they are parsed: 128 MB, four times the largest lock file known. */
const MAX_LENGTH = 128 * 1024 * 1024;
/** Aliases may point at aliases; a file with a longer chain is an attack. */
const MAX_ALIAS_CHAIN = 20;

/** What is wrong and what to do, for slips that the parser describes in YAML's own terms. */
const YAML_PROBLEMS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  TAB_AS_INDENT: ["the line is indented with a tab", "YAML is indented with spaces"],
  MULTILINE_IMPLICIT_KEY: ["a `:` is missing after this key", "write `key: value`, or `key:` before a list"],
  BAD_INDENT: [
    "the line is indented in another way than those it belongs to",
    "give all of them the same number of spaces",
  ],
  BLOCK_AS_IMPLICIT_KEY: [
    "this value is followed by a key, which cannot stand here",
    "start keys that belong together at the same column, and put text that contains `: ` in quotes",
  ],
  DUPLICATE_KEY: ["the key is here for the second time", "merge the two"],
};

/**
 * A YAML document read node by node, so that every complaint has a line and a column, and aliases are followed one at a
 * time: nothing is ever expanded, hence no "billion laughs".
 */
export class YamlDocument {
  private constructor(
    private readonly document: Document.Parsed,
    private readonly lines: LineCounter,
    private readonly fileName: string,
    private readonly code: ErrorCode,
  ) {}

  /** Throws a ToolError of `code` with the file name, line and column for malformed text. */
  static parse(text: string, fileName: string, code: ErrorCode): YamlDocument {
    if (text.length > MAX_LENGTH)
      throw new ToolError(code, `\`${fileName}\` is too large (${text.length} characters)`);
    const lines = new LineCounter();
    let document: Document.Parsed;
    try {
      document = parseDocument(text.replace(/^\uFEFF/, ""), {
        lineCounter: lines,
        prettyErrors: false,
        merge: true,
      });
    } catch (error) {
      // The parser is recursive: a thousand brackets exhaust the stack.
      throw new ToolError(code, `\`${fileName}\` is nested too deeply to be read`, { cause: error });
    }
    const yaml = new YamlDocument(document, lines, fileName, code);
    const problem = document.errors[0];
    if (problem) {
      const position = yaml.positionAt(problem.pos[0]);
      const [reason, hint] = YAML_PROBLEMS[kindOf(problem.code, text, position)] ?? [
        firstLine(problem.message),
      ];
      throw fileError(code, fileName, position, reason, hint);
    }
    return yaml;
  }

  get root(): Node | undefined {
    return this.resolve(this.document.contents);
  }

  /** The node itself, or the one that an alias stands for; undefined for nothing and for an explicit null. */
  resolve(value: unknown): Node | undefined {
    let node = value;
    for (let i = 0; isAlias(node); i++) {
      if (i > MAX_ALIAS_CHAIN) throw this.error(node, "a chain of aliases is too long");
      node = node.resolve(this.document);
    }
    if (isScalar(node) && node.value === null && (node.source ?? "").trim() === "") return undefined;
    if (isScalar(node) && node.value === null && (node.source === "null" || node.source === "~"))
      return undefined;
    return isScalar(node) || isMap(node) || isSeq(node) ? (node as Node) : undefined;
  }

  /**
   * Entries of a mapping with merge keys (`<<: *base`) applied: own keys win, earlier merges win over later ones. Keys
   * are text as written. `maxDepth` bounds merges of merges.
   */
  entries(map: YAMLMap, maxDepth = 5): Map<string, { key: Node; value: unknown }> {
    const found = new Map<string, { key: Node; value: unknown }>();
    const merged: unknown[] = [];
    for (const pair of map.items) {
      const key = this.text(pair.key);
      if (key === "<<") merged.push(pair.value);
      else if (key === undefined) throw this.error(pair.key, "a key is not text");
      else found.set(key, { key: pair.key as Node, value: pair.value });
    }
    for (const source of merged) {
      if (maxDepth === 0) throw this.error(map, "merge keys are nested too deeply");
      const node = this.resolve(source);
      const parents = isSeq(node) ? node.items.slice(0, 100).map((item) => this.resolve(item)) : [node];
      for (const parent of parents) {
        if (!isMap(parent)) throw this.error(source, "`<<` must name a mapping");
        for (const [key, entry] of this.entries(parent, maxDepth - 1))
          if (!found.has(key)) found.set(key, entry);
      }
    }
    return found;
  }

  /** Text of a scalar as written: `3.10` stays `3.10`, `true` stays `true`. Undefined for anything else and for null. */
  text(value: unknown): string | undefined {
    const node = this.resolve(value);
    if (!isScalar(node)) return undefined;
    if (typeof node.value === "string") return node.value;
    return node.source ?? String(node.value);
  }

  /** The plain value of a small tree (no aliases inside beyond the library's bound): for metadata that is only passed on. */
  plain(value: unknown): unknown {
    const node = this.resolve(value);
    if (node === undefined) return undefined;
    try {
      return node.toJS(this.document, { maxAliasCount: 100 });
    } catch (error) {
      throw this.error(node, "aliases expand to too much", undefined, error);
    }
  }

  position(node: unknown): FilePosition | undefined {
    const range = (node as { range?: [number, number, number] | null } | null | undefined)?.range;
    return range ? this.positionAt(range[0]) : undefined;
  }

  private positionAt(offset: number): FilePosition {
    const { line, col } = this.lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  error(node: unknown, reason: string, hint?: string, cause?: unknown): ToolError {
    return fileError(this.code, this.fileName, this.position(node), reason, hint, cause);
  }
}

/** An item of a list that starts further left than those before it is to the parser the value of a key that is not there. */
function kindOf(code: string, text: string, { line }: FilePosition): string {
  const isItem = code === "BLOCK_AS_IMPLICIT_KEY" && /^\s*-(\s|$)/.test(text.split("\n")[line - 1] ?? "");
  return isItem ? "BAD_INDENT" : code;
}

function firstLine(message: string): string {
  return (message.split("\n", 1)[0] ?? message).replace(/[.:]$/, "");
}
