/** A growable Int32Array: `data` may be replaced by `push`, so keep no reference to it across one. */
export class IntList {
  data: Int32Array;
  length = 0;

  constructor(capacity = 64) {
    this.data = new Int32Array(capacity);
  }

  push(value: number): void {
    if (this.length === this.data.length) this.data = grown(this.data, this.length + 1);
    this.data[this.length++] = value;
  }

  at(index: number): number {
    return this.data[index]!;
  }
}

/** A copy of `array` with room for `needed` elements, and for half as many again. */
export function grown<T extends Int32Array | Int8Array | Uint8Array | Float64Array>(
  array: T,
  needed: number,
): T {
  const size = Math.max(needed, array.length + (array.length >> 1));
  const Type = array.constructor as new (length: number) => T;
  const copy = new Type(size);
  copy.set(array);
  return copy;
}
