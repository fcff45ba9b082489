import { repodataError } from "./decoder.ts";
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isName,
  isScalarByte,
  isSpace,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  stringEnd,
  valueEnd,
} from "./json-bytes.ts";
import { ID, recordSpans, spans } from "./json-spans.ts";
import type { Member } from "./outline-rows.ts";

/** Dictionaries that hold records; the position is the kind's number in index files. */
const RECORD_KINDS = ["packages", "packages.conda", "v3.tar.bz2", "v3.conda"] as const;
/** Extensions that keys of these dictionaries have when they are in order; those of v3 have none (CEP 48). */
export const KEY_EXTENSIONS = [".tar.bz2", ".conda", "", ""] as const;
/** Extensions of the files that the keys name. */
export const FILE_EXTENSIONS = [".tar.bz2", ".conda", ".tar.bz2", ".conda"] as const;

/** Where a record is in the window. */
export interface RecordMember extends Member {
  /** The value of its `name` key without quotes; empty when there is none. */
  nameStart: number;
  nameEnd: number;
  /** It is plainly in order, and `spans` is of it. */
  plain: boolean;
}

/** What a scan finds. Offsets are bytes of the whole stream; `window` positions hold for the call only. */
export interface ScanSink {
  /** A member of a package dictionary. `base` is the stream offset of the window. */
  record(kind: number, window: Buffer, base: number, member: RecordMember): void;
  removed(fn: string): void;
  info(value: Record<string, unknown>): void;
  /** A member that is left out, and why. */
  skipped(key: string, reason: string): void;
}

/** Largest record that is kept. The largest real ones have some 40 kB. */
const MAX_RECORD = 4 << 20;
/** A key or an `info` that does not end within this many bytes is malformed. */
const MAX_WINDOW = 16 << 20;
const FIRST_WINDOW = 1 << 21;
/** Bytes past the end of the window that belong to nobody: an escape at the very end may step over one. */
const SENTINELS = 2;

type Mode = "start" | "top" | "group" | "v3" | "info" | "removed" | "skip" | "done";

/**
 * Finds the records of a repodata.json in a stream of its bytes, without ever holding more than a window of it:
 * JSON.parse of a whole conda-forge subdir takes 2.5 s and 1.4 GB and stops at V8's string limit.
 *
 * The outer structure is checked strictly here (commas, quotes, the end); inside a record only strings and nesting are,
 * and its grammar is checked when the record is parsed. Malformed outer structure is a `repodata-invalid` ToolError.
 */
export class RepodataScanner {
  readonly #sink: ScanSink;
  readonly #label: string;
  #window = Buffer.allocUnsafeSlow(FIRST_WINDOW + SENTINELS);
  #length = 0;
  #position = 0;
  /** Stream offset of window[0]. */
  #base = 0;
  #mode: Mode = "start";
  #kind = 0;
  /** No member of the current container was read yet: no comma is due. */
  #first = true;
  #inV3 = false;
  #skipDepth = 0;
  #skipString = false;
  #skipEscape = false;
  #skipScalar = false;
  #skipReturn: Mode = "top";
  #keyStart = 0;
  #keyEnd = 0;
  #valueStart = 0;
  readonly #member: RecordMember = { keyStart: 0, start: 0, end: 0, nameStart: 0, nameEnd: 0, plain: false };

  /** `label` names the channel and subdir in errors. */
  constructor(label: string, sink: ScanSink) {
    this.#label = label;
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.byteLength; ) {
      const count = Math.min(chunk.byteLength - at, this.#makeRoom());
      this.#window.set(chunk.subarray(at, at + count), this.#length);
      this.#length += count;
      at += count;
      while (this.#step());
    }
  }

  /** No more bytes. An empty file is an empty dictionary (CEP 36). */
  end(): void {
    this.#skipSpace();
    if (this.#mode === "done" || (this.#mode === "start" && this.#position === this.#length)) return;
    this.#fail("it ends in the middle");
  }

  /** Bytes that can be added; moves what is unread to the front and grows the window when a member does not fit. */
  #makeRoom(): number {
    if (this.#position > 0) {
      this.#window.copyWithin(0, this.#position, this.#length);
      this.#base += this.#position;
      this.#length -= this.#position;
      this.#position = 0;
    }
    if (this.#length === this.#window.length - SENTINELS) {
      if (this.#length >= MAX_WINDOW) this.#fail("a member is too long");
      const larger = Buffer.allocUnsafeSlow(this.#length * 2 + SENTINELS);
      larger.set(this.#window);
      this.#window = larger;
    }
    return this.#window.length - SENTINELS - this.#length;
  }

  #fail(reason: string): never {
    throw repodataError(this.#label, `${reason} (at byte ${this.#base + this.#position})`);
  }

  #skipSpace(): void {
    while (this.#position < this.#length && isSpace(this.#window[this.#position])) this.#position++;
  }

  /** Advances by one member or bracket; false when more bytes are needed. */
  #step(): boolean {
    switch (this.#mode) {
      case "start":
        return this.#start();
      case "top":
        return this.#topMember();
      case "group":
        return this.#groupMember();
      case "v3":
        return this.#v3Member();
      case "info":
        return this.#infoValue();
      case "removed":
        return this.#removedItem();
      case "skip":
        return this.#skip();
      case "done":
        this.#skipSpace();
        if (this.#position < this.#length) this.#fail("there is something after its end");
        return false;
    }
  }

  #start(): boolean {
    if (this.#base === 0 && this.#position === 0 && this.#window[0] === 0xef) {
      if (this.#length < 3) return false;
      if (this.#window[1] === 0xbb && this.#window[2] === 0xbf) this.#position = 3;
    }
    this.#skipSpace();
    if (this.#position >= this.#length) return false;
    if (this.#window[this.#position] !== OPEN_BRACE) this.#fail("it is no JSON dictionary");
    this.#enter("top");
    return true;
  }

  /** Steps over the opening bracket at the position. */
  #enter(mode: Mode): void {
    this.#position++;
    this.#mode = mode;
    this.#first = true;
  }

  #leave(mode: Mode): void {
    this.#position++;
    this.#mode = mode;
    this.#first = false;
  }

  /**
   * Reads `, "key" :` up to the first byte of the value. "close" when the container ends here (its bracket is not consumed);
   * "more" leaves the position where it was.
   */
  #nextKey(): "key" | "close" | "more" {
    const b = this.#window;
    const n = this.#length;
    let i = this.#position;
    while (i < n && isSpace(b[i])) i++;
    if (i >= n) return "more";
    if (b[i] === CLOSE_BRACE) {
      this.#position = i;
      return "close";
    }
    if (!this.#first) {
      if (b[i] !== COMMA) {
        this.#position = i;
        this.#fail("a comma is missing");
      }
      i++;
      while (i < n && isSpace(b[i])) i++;
      if (i >= n) return "more";
    }
    if (b[i] !== QUOTE) {
      this.#position = i;
      this.#fail("a key is missing");
    }
    const start = i;
    i = stringEnd(b, i, n);
    if (i < 0) return "more";
    const end = i;
    while (i < n && isSpace(b[i])) i++;
    if (i >= n) return "more";
    if (b[i] !== COLON) {
      this.#position = i;
      this.#fail("a colon is missing");
    }
    i++;
    while (i < n && isSpace(b[i])) i++;
    if (i >= n) return "more";
    this.#keyStart = start;
    this.#keyEnd = end;
    this.#valueStart = i;
    return "key";
  }

  /** The key as text, for decisions and messages; long ones are cut. */
  #keyText(): string {
    const end = Math.min(this.#keyEnd - 1, this.#keyStart + 201);
    return this.#window.toString("utf8", this.#keyStart + 1, end);
  }

  #topMember(): boolean {
    const found = this.#nextKey();
    if (found === "more") return false;
    if (found === "close") {
      this.#leave("done");
      return true;
    }
    const key = this.#keyText();
    const opens = this.#window[this.#valueStart];
    this.#position = this.#valueStart;
    this.#first = false;
    if (key === "packages" || key === "packages.conda") {
      if (opens !== OPEN_BRACE) return this.#notDictionary(key, opens);
      this.#kind = key === "packages" ? 0 : 1;
      this.#inV3 = false;
      this.#enter("group");
    } else if (key === "v3" && opens === OPEN_BRACE) {
      this.#enter("v3");
    } else if (key === "info" && opens === OPEN_BRACE) {
      this.#mode = "info";
    } else if (key === "removed" && opens === OPEN_BRACKET) {
      this.#enter("removed");
    } else {
      // Unknown keys are ignored (CEP 36); `signatures` is one of them.
      this.#beginSkip("top");
    }
    return true;
  }

  #notDictionary(key: string, opens: number | undefined): boolean {
    // Some hand-made channels write `null` for an empty dictionary.
    if (opens !== 0x6e) this.#fail(`\`${key}\` is no dictionary`);
    this.#beginSkip("top");
    return true;
  }

  #v3Member(): boolean {
    const found = this.#nextKey();
    if (found === "more") return false;
    if (found === "close") {
      this.#leave("top");
      return true;
    }
    const key = this.#keyText();
    this.#position = this.#valueStart;
    this.#first = false;
    const kind = (RECORD_KINDS as readonly string[]).indexOf(`v3.${key}`);
    if (kind >= 0 && this.#window[this.#valueStart] === OPEN_BRACE) {
      this.#kind = kind;
      this.#inV3 = true;
      this.#enter("group");
    } else this.#beginSkip("v3");
    return true;
  }

  #groupMember(): boolean {
    const found = this.#nextKey();
    if (found === "more") return false;
    if (found === "close") {
      this.#leave(this.#inV3 ? "v3" : "top");
      return true;
    }
    if (this.#window[this.#valueStart] !== OPEN_BRACE) {
      this.#skipRecord("it is no dictionary");
      return true;
    }
    const end = this.#recordEnd();
    if (end < 0) {
      if (this.#length - this.#valueStart <= MAX_RECORD) return false;
      this.#skipRecord(`it is longer than ${MAX_RECORD >> 20} MB`);
      return true;
    }
    this.#member.keyStart = this.#keyStart;
    this.#member.start = this.#valueStart;
    this.#member.end = end;
    this.#sink.record(this.#kind, this.#window, this.#base, this.#member);
    this.#position = end;
    this.#first = false;
    return true;
  }

  /** End of the dictionary at valueStart, or -1 when it goes on; notes where its own `name` value is. */
  #recordEnd(): number {
    const member = this.#member;
    // Stops loops over strings, and whatever comes after them, without a bounds check.
    this.#window[this.#length] = this.#window[this.#length + 1] = QUOTE;
    const end = recordSpans(this.#window, this.#valueStart, this.#length);
    member.plain = end >= 0;
    if (end < 0) return this.#oddRecordEnd();
    member.nameStart = spans[ID.name]!;
    member.nameEnd = spans[ID.name + 1]!;
    return end;
  }

  #skipRecord(reason: string): void {
    this.#sink.skipped(this.#keyText(), reason);
    this.#position = this.#valueStart;
    this.#first = false;
    this.#beginSkip("group");
  }

  /** As recordEnd for any dictionary, whatever is in it: only strings and nesting are looked at. */
  #oddRecordEnd(): number {
    const b = this.#window;
    const n = this.#length;
    const member = this.#member;
    let i = this.#valueStart;
    let depth = 0;
    let nameDue = false;
    member.nameStart = member.nameEnd = 0;
    while (i < n) {
      const c = b[i++]!;
      if (c < 0x30) {
        if (c !== QUOTE) continue;
        const start = i;
        for (let d = b[i++]; d !== QUOTE; d = b[i++]) if (d === BACKSLASH) i++;
        if (i > n) return -1;
        if (depth !== 1) continue;
        if (nameDue) {
          nameDue = false;
          member.nameStart = start;
          member.nameEnd = i - 1;
        } else if (i - start === 5 && isName(b, start)) {
          let j = i;
          while (j < n && isSpace(b[j])) j++;
          if (j >= n) return -1;
          nameDue = b[j] === COLON;
        }
      } else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
        depth++;
        nameDue = false;
      } else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
        nameDue = false;
        if (--depth === 0) return i;
      }
    }
    return -1;
  }

  #infoValue(): boolean {
    const end = valueEnd(this.#window, this.#position, this.#length);
    if (end < 0) return false;
    let value: unknown;
    try {
      value = JSON.parse(this.#window.toString("utf8", this.#position, end));
    } catch {
      this.#fail("`info` is no valid JSON");
    }
    this.#sink.info(value as Record<string, unknown>);
    this.#position = end;
    this.#mode = "top";
    this.#first = false;
    return true;
  }

  #removedItem(): boolean {
    const b = this.#window;
    const n = this.#length;
    let i = this.#position;
    while (i < n && isSpace(b[i])) i++;
    if (i >= n) return false;
    if (b[i] === CLOSE_BRACKET) {
      this.#position = i;
      this.#leave("top");
      return true;
    }
    if (!this.#first) {
      if (b[i] !== COMMA) this.#fail("a comma is missing in `removed`");
      i++;
      while (i < n && isSpace(b[i])) i++;
      if (i >= n) return false;
    }
    if (b[i] !== QUOTE) {
      this.#position = i;
      this.#first = false;
      this.#beginSkip("removed");
      return true;
    }
    const end = stringEnd(b, i, n);
    if (end < 0) return false;
    this.#sink.removed(b.toString("utf8", i + 1, end - 1));
    this.#position = end;
    this.#first = false;
    return true;
  }

  #beginSkip(back: Mode): void {
    const c = this.#window[this.#position];
    this.#skipReturn = back;
    this.#mode = "skip";
    this.#skipDepth = 0;
    this.#skipString = this.#skipEscape = false;
    this.#skipScalar = c !== QUOTE && c !== OPEN_BRACE && c !== OPEN_BRACKET;
    if (this.#skipScalar && !isScalarByte(c)) this.#fail("a value is missing");
  }

  /** Steps over a value of any size, a window at a time. */
  #skip(): boolean {
    const b = this.#window;
    const n = this.#length;
    let i = this.#position;
    if (this.#skipScalar) {
      while (i < n && isScalarByte(b[i])) i++;
      this.#position = i;
      return i < n && this.#endSkip();
    }
    while (i < n) {
      const c = b[i++];
      if (this.#skipString) {
        if (this.#skipEscape) this.#skipEscape = false;
        else if (c === BACKSLASH) this.#skipEscape = true;
        else if (c === QUOTE) this.#skipString = false;
      } else if (c === QUOTE) this.#skipString = true;
      else if (c === OPEN_BRACE || c === OPEN_BRACKET) this.#skipDepth++;
      else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) this.#skipDepth--;
      if (this.#skipDepth === 0 && !this.#skipString) {
        this.#position = i;
        return this.#endSkip();
      }
    }
    this.#position = i;
    return false;
  }

  #endSkip(): true {
    this.#mode = this.#skipReturn;
    this.#first = false;
    return true;
  }
}
