import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteInterner } from "../../src/repodata/byte-interner.ts";
import { MessageReader } from "../../src/repodata/message-records.ts";
import { createRecordInterner } from "../../src/repodata/raw-record.ts";

const reader = (bytes: Uint8Array): MessageReader =>
  new MessageReader(bytes, createRecordInterner(), "ch/noarch", "it");

describe("reading MessagePack", () => {
  it("gives what was encoded", () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: "grapheme" }),
        fc.string({ minLength: 30, maxLength: 400 }),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true }).map((number) => (number === 0 ? 0 : number)),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("any"), { maxLength: 20 }),
        fc.dictionary(fc.string(), tie("any"), { maxKeys: 20 }),
      ),
    })).any;
    fc.assert(
      fc.property(value, (item) => {
        const bytes = encode(item);
        const one = reader(bytes);
        expect(one.value()).toEqual(item);
        expect(one.atEnd()).toBe(true);
        const other = reader(bytes);
        other.skip();
        expect(other.atEnd()).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("never does anything but answer or refuse, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const read of [
          (r: MessageReader) => r.value(),
          (r: MessageReader) => r.skip(),
          (r: MessageReader) => r.record(),
        ]) {
          try {
            read(reader(bytes));
          } catch (error) {
            expect(error).toMatchObject({ code: "repodata-invalid" });
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("refuses what is cut short, endless nesting and sizes that are not there", () => {
    const bytes = encode({
      packages: {
        "a-1-0.conda": { name: "a", depends: ["b >=1"], size: 70_000, sha256: new Uint8Array(32) },
      },
    });
    for (let length = 0; length < bytes.length; length++)
      expect(() => reader(bytes.subarray(0, length)).value()).toThrow(/is no MessagePack/);
    expect(() => reader(new Uint8Array(100_000).fill(0x91)).value()).toThrow(/is no MessagePack/);
    expect(() => reader(new Uint8Array(100_000).fill(0x91)).skip()).toThrow(/is no MessagePack/);
    expect(() => reader(Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff)).value()).toThrow(/is no MessagePack/);
    expect(() => reader(Uint8Array.of(0xc1)).value()).toThrow(/is no MessagePack/);
  });

  it("keeps a key called __proto__ to itself", () => {
    const value = reader(encode(JSON.parse('{"__proto__": {"polluted": true}}'))).value() as object;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe("the byte interner", () => {
  it("gives equal texts one id and different texts different ones", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.string(), fc.constantFrom("python", "python >=3.9", ""), fc.string({ unit: "binary" })),
          { maxLength: 300 },
        ),
        (texts) => {
          const interner = new ByteInterner(["name"]);
          const ids = new Map<string, number>();
          for (const text of texts) {
            const bytes = Buffer.from(text, "utf8");
            expect(interner.intern(bytes, 0, bytes.length)).toBe(bytes.toString("utf8"));
            const id = interner.id(bytes, 0, bytes.length);
            if (id < 0) continue;
            expect(interner.text(id)).toBe(text);
            expect(ids.get(text) ?? id).toBe(id);
            ids.set(text, id);
          }
          expect(new Set(ids.values()).size).toBe(ids.size);
        },
      ),
    );
  });

  it("survives many texts", () => {
    const interner = new ByteInterner();
    const texts = Array.from({ length: 50_000 }, (_, i) => `package-${i} >=1.${i % 7}`);
    for (let round = 0; round < 2; round++)
      for (const [i, text] of texts.entries()) {
        const bytes = Buffer.from(text);
        expect(interner.id(bytes, 0, bytes.length)).toBe(i);
      }
  });
});
