import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteInterner } from "../../src/repodata/byte-interner.ts";
import { readOutline } from "../../src/repodata/message-outlines.ts";
import { MessageReader } from "../../src/repodata/message-records.ts";
import { messageSpans } from "../../src/repodata/message-spans.ts";
import { createRecordInterner } from "../../src/repodata/raw-record.ts";
import { toRecord } from "../../src/repodata/record.ts";
import { VettedTexts } from "../../src/repodata/vetted-texts.ts";
import { completeRecord } from "../../src/specs/package-index.ts";
import type { RepoDataRecord } from "../../src/specs/records.ts";

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

describe("outlines of shards", () => {
  const source = { channel: "ch", subdir: "linux-64", archiveBase: "https://h/ch/linux-64/" };
  const hash = (length: number): Uint8Array => new Uint8Array(length).fill(7);

  /** What the outline says, what it is in whole, and what was told of its dependencies. */
  function outline(record: unknown, key: string) {
    const texts = new VettedTexts();
    const bytes = Buffer.from(encode(record));
    const told: string[] = [];
    const complete = (fn: string, start: number, end: number): RepoDataRecord => {
      const reader = new MessageReader(bytes.subarray(start, end), texts.interner, "ch/linux-64", "it");
      return toRecord(reader.record() ?? null, fn, "a", source) as RepoDataRecord;
    };
    const dependencies = {
      text: (b: Buffer, start: number, end: number) => void told.push(b.toString("utf8", start, end)),
      list: () => {},
    };
    const at = { key, extension: "", start: 0, name: "a", origin: { source, complete } };
    const found = readOutline(bytes, at, { texts, dependencies });
    return { found, told, bytes, whole: complete(key, 0, bytes.length) };
  }

  const plain = {
    ...{ name: "a", version: "1.0", build: "0", build_number: 3, subdir: "linux-64", size: 70_000 },
    ...{ depends: ["python >=3.9", "b"], constrains: ["c <2"], license: "MIT", timestamp: 1_700_000_000_000 },
    ...{ md5: hash(16), sha256: hash(32), track_features: "x", noarch: null },
  };

  it("are made of records that are in order", () => {
    const { found, told, whole } = outline(plain, "a-1.0-0.conda");
    expect({ ...completeRecord(found!.outline) }).toEqual(whole);
    expect(found!.outline).toMatchObject({ version: "1.0", build_number: 3, timestamp: 1_700_000_000_000 });
    expect(told).toEqual(plain.depends);
  });

  it("say what the whole says, or nothing", () => {
    const odd = fc.oneof(
      fc.constantFrom<unknown>(null, true, -1, 0, 1.5, 12, 2 ** 40, 2 ** 54, "", "a", "../x", "é", "noarch"),
      fc.constantFrom<unknown>([], ["a"], ["a", 1], [["a"]], {}, hash(16), hash(32), "f".repeat(64)),
      fc.constantFrom<unknown>("lib/python3.13/site-packages", "x".repeat(9000), ["x".repeat(300)]),
    );
    const keys = [...Object.keys(plain), "python_site_packages_path", "extra_depends", "flags", "unknown"];
    const changes = fc.dictionary(fc.constantFrom(...keys), odd, { maxKeys: 3 });
    const names = fc.constantFrom("a-1.0-0.conda", "a-1.0-0.tar.bz2", "b-1.0-0.conda", "a-1.0-0.zip");
    let made = 0;
    fc.assert(
      fc.property(changes, names, (change, key) => {
        const { found, told, bytes, whole } = outline({ ...plain, ...change }, key);
        if (!found) return;
        made++;
        expect(found.end).toBe(bytes.length);
        expect({ ...completeRecord(found.outline) }).toEqual(whole);
        for (const name of Object.keys(whole) as (keyof RepoDataRecord)[])
          expect(found.outline[name]).toEqual(whole[name]);
        expect(told).toEqual(whole.depends);
      }),
      { numRuns: 2000 },
    );
    expect(made).toBeGreaterThan(100);
  });

  it("are not made of what is cut short", () => {
    const bytes = Buffer.from(encode(plain));
    for (let end = 0; end < bytes.length; end++)
      expect(messageSpans(bytes.subarray(0, end), 0, end)).toBe(-1);
    expect(messageSpans(bytes, 0, bytes.length)).toBe(bytes.length);
  });
});
