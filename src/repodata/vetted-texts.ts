import { isSafeBuildString, isSafeSubdir, isSafeVersionString } from "../specs/names.ts";
import { ByteInterner } from "./byte-interner.ts";
import { RECORD_KEYS } from "./raw-record.ts";
import { isInnerPath } from "./record.ts";

/** Properties that a text can have, each with its test. */
const TESTS = {
  version: { bit: 1, test: isSafeVersionString },
  subdir: { bit: 4, test: isSafeSubdir },
  innerPath: { bit: 2, test: isInnerPath },
} as const;

/** Interned texts with what was found out about them: the versions of 25,000 records are a few hundred texts. */
export class VettedTexts {
  /** Ids below the number of RECORD_KEYS are those keys. */
  readonly interner = new ByteInterner(RECORD_KEYS);
  /** Two bits for each test: known << 4 | passed. */
  #verdicts = new Uint8Array(1 << 12);

  /** The text in `bytes[start, end)`, or undefined when it fails the test or is not ASCII. */
  text(bytes: Buffer, start: number, end: number, kind: keyof typeof TESTS): string | undefined {
    const id = this.interner.id(bytes, start, end);
    if (id < 0) return undefined;
    const text = this.interner.text(id);
    if (id >= this.#verdicts.length) this.#grow(id);
    const { bit, test } = TESTS[kind];
    const verdict = this.#verdicts[id]!;
    if ((verdict & (bit << 4)) !== 0) return (verdict & bit) !== 0 ? text : undefined;
    const passed = test(text);
    this.#verdicts[id] = verdict | (bit << 4) | (passed ? bit : 0);
    return passed ? text : undefined;
  }

  /** As `text`, for texts that are all different: those are not kept. */
  build(bytes: Buffer, start: number, end: number): string | undefined {
    const text = bytes.toString("latin1", start, end);
    return isSafeBuildString(text) ? text : undefined;
  }

  #grow(id: number): void {
    const larger = new Uint8Array(id * 2);
    larger.set(this.#verdicts);
    this.#verdicts = larger;
  }
}
