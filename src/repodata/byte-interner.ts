/**
 * Text out of bytes, one string object for equal bytes. A subdir's records repeat a few thousand dependency strings
 * hundreds of thousands of times: finding the string by its bytes costs less than making another one, and leaves nothing
 * for the garbage collector. ASCII only; other text is decoded afresh.
 */
export class ByteInterner {
  readonly #texts: string[] = [];
  #hashes = new Int32Array(1 << 12);
  /** Position in #texts plus one, by hash; 0 is free. A power of two long, at most half full. */
  #slots = new Int32Array(1 << 13);

  /** `first` get the ids 0, 1, 2 … */
  constructor(first: readonly string[] = []) {
    for (const text of first) {
      const bytes = Buffer.from(text, "latin1");
      this.id(bytes, 0, bytes.length);
    }
  }

  /** Id of the text in `bytes[start, end)`, or -1 when it is not ASCII. */
  id(bytes: Buffer, start: number, end: number): number {
    let hash = 0x811c9dc5 | 0;
    let all = 0;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      all |= byte;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    if (all > 0x7f) return -1;
    hash ^= hash >>> 15;
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot]!;
      if (entry === 0) return this.#add(slot, hash, bytes, start, end);
      if (this.#hashes[entry - 1] === hash && this.#equals(this.#texts[entry - 1]!, bytes, start, end))
        return entry - 1;
    }
  }

  text(id: number): string {
    return this.#texts[id]!;
  }

  /** The text itself, interned when it is ASCII. */
  intern(bytes: Buffer, start: number, end: number): string {
    const id = this.id(bytes, start, end);
    return id < 0 ? bytes.toString("utf8", start, end) : this.#texts[id]!;
  }

  #equals(text: string, bytes: Buffer, start: number, end: number): boolean {
    if (text.length !== end - start) return false;
    for (let i = start; i < end; i++) if (text.charCodeAt(i - start) !== bytes[i]) return false;
    return true;
  }

  #add(slot: number, hash: number, bytes: Buffer, start: number, end: number): number {
    const id = this.#texts.length;
    this.#texts.push(bytes.toString("latin1", start, end));
    if (id === this.#hashes.length) {
      const larger = new Int32Array(id * 2);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes[id] = hash;
    this.#slots[slot] = id + 1;
    if ((id + 1) * 2 > this.#slots.length) this.#rehash();
    return id;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let id = 0; id < this.#texts.length; id++) {
      let slot = this.#hashes[id]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
    this.#slots = slots;
  }
}
