import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  checkFresh,
  checkRole,
  parseRole,
  updateRoot,
  validSignatures,
} from "../../src/specs/content-trust.ts";

interface Key {
  hex: string;
  secret: KeyObject;
}

function newKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const der = publicKey.export({ format: "der", type: "spki" });
  return { hex: der.subarray(-32).toString("hex"), secret: privateKey };
}

/** As conda-content-trust writes it; objects here are given with sorted keys. */
const canonical = (value: unknown): Buffer => Buffer.from(JSON.stringify(value, null, 2));
const signedBy = (key: Key, value: unknown) => ({
  [key.hex]: { signature: sign(null, canonical(value), key.secret).toString("hex") },
});

/** What GnuPG makes of it: a hash over the text, its own headers and their length. */
function gpgSignedBy(key: Key, value: unknown) {
  const headers = Buffer.from("04001608001d", "hex");
  const digest = createHash("sha256")
    .update(canonical(value))
    .update(headers)
    .update(Buffer.from([4, 255, 0, 0, 0, headers.length]))
    .digest();
  return {
    [key.hex]: {
      other_headers: headers.toString("hex"),
      signature: sign(null, digest, key.secret).toString("hex"),
    },
  };
}

function rootOf(version: number, root: Key[], keyManager: Key, threshold = 1) {
  return {
    delegations: {
      key_mgr: { pubkeys: [keyManager.hex], threshold: 1 },
      root: { pubkeys: root.map(({ hex }) => hex), threshold },
    },
    expiration: "2030-01-01T00:00:00Z",
    metadata_spec_version: "0.6.0",
    timestamp: "2026-01-01T00:00:00Z",
    type: "root",
    version,
  };
}

const read = (signed: unknown, signatures: unknown) =>
  parseRole(JSON.stringify({ signatures, signed }), "root", "root.json");

const [a, b, manager, stranger] = [newKey(), newKey(), newKey(), newKey()];
const RECORD = { build: "0", depends: ["ü >=1"], name: "x", size: 5, version: "1" };

describe("signatures of records", () => {
  it("count once for each key that signed exactly this record", () => {
    const keys = { pubkeys: [a.hex, b.hex, a.hex], threshold: 2 };
    expect(validSignatures(RECORD, signedBy(a, RECORD), keys)).toBe(1);
    expect(validSignatures(RECORD, { ...signedBy(a, RECORD), ...signedBy(b, RECORD) }, keys)).toBe(2);
    expect(validSignatures({ ...RECORD, size: 6 }, signedBy(a, RECORD), keys)).toBe(0);
    expect(validSignatures(RECORD, signedBy(stranger, RECORD), keys)).toBe(0);
    // Another's signature under a trusted name.
    expect(validSignatures(RECORD, { [a.hex]: Object.values(signedBy(stranger, RECORD))[0] }, keys)).toBe(0);
  });

  it("do not depend on the order of keys, and take Python's escapes for what is not ASCII", () => {
    const { version, name, ...rest } = RECORD;
    const keys = { pubkeys: [a.hex], threshold: 1 };
    expect(validSignatures({ version, ...rest, name }, signedBy(a, RECORD), keys)).toBe(1);
    const python = Buffer.from(JSON.stringify(RECORD, null, 2).replace("ü", "\\u00fc"));
    const signature = sign(null, python, a.secret).toString("hex");
    expect(validSignatures(RECORD, { [a.hex]: { signature } }, keys)).toBe(1);
  });

  it("count nothing in what is no signature", () => {
    const keys = { pubkeys: [a.hex], threshold: 1 };
    for (const bad of [null, [], "x", { [a.hex]: "x" }, { [a.hex]: { signature: "00" } }, { x: {} }])
      expect(validSignatures(RECORD, bad, keys)).toBe(0);
    expect(validSignatures(RECORD, { [a.hex]: { signature: "0".repeat(128) } }, keys)).toBe(0);
  });
});

describe("roots", () => {
  it("may be signed plainly or by GnuPG", () => {
    const signed = rootOf(1, [a], manager);
    for (const signatures of [signedBy(a, signed), gpgSignedBy(a, signed)]) {
      const role = read(signed, signatures);
      expect(() => checkRole(role, role.delegations["root"]!, "root.json")).not.toThrow();
    }
    const forged = read(signed, gpgSignedBy(a, { ...signed, version: 2 }));
    expect(() => checkRole(forged, forged.delegations["root"]!, "root.json")).toThrow("0 of the 1");
  });

  it("follow each other by one, signed by the old keys and by the new ones", () => {
    const first = read(rootOf(1, [a], manager), signedBy(a, rootOf(1, [a], manager)));
    const next = rootOf(2, [b], manager);
    expect(
      updateRoot(first, read(next, { ...signedBy(a, next), ...signedBy(b, next) }), "2.root.json").version,
    ).toBe(2);
    expect(() => updateRoot(first, read(next, signedBy(b, next)), "2.root.json")).toThrow("0 of the 1");
    expect(() => updateRoot(first, read(next, signedBy(a, next)), "2.root.json")).toThrow("0 of the 1");
    const far = rootOf(3, [a], manager);
    expect(() => updateRoot(first, read(far, signedBy(a, far)), "3.root.json")).toThrow("version 3, not 2");
  });

  it("need as many signatures as they say", () => {
    const signed = rootOf(1, [a, b], manager, 2);
    const one = read(signed, signedBy(a, signed));
    expect(() => checkRole(one, one.delegations["root"]!, "root.json")).toThrow("1 of the 2");
    const both = read(signed, { ...signedBy(a, signed), ...signedBy(b, signed) });
    expect(() => checkRole(both, both.delegations["root"]!, "root.json")).not.toThrow();
  });

  it("expire", () => {
    const role = read(rootOf(1, [a], manager), {});
    expect(() => checkFresh(role, new Date("2029-12-31T23:59:59Z"), "root.json")).not.toThrow();
    expect(() => checkFresh(role, new Date("2030-01-01T00:00:00Z"), "root.json")).toThrow(
      "expired on 2030-01-01",
    );
  });

  it("must have their form", () => {
    const signed = rootOf(1, [a], manager);
    const bad: unknown[] = [
      { ...signed, type: "key_mgr" },
      { ...signed, version: 0 },
      { ...signed, version: "1" },
      { ...signed, expiration: "soon" },
      { ...signed, metadata_spec_version: "1.0.0" },
      { ...signed, delegations: { root: signed.delegations.root } },
      { ...signed, delegations: { ...signed.delegations, root: { pubkeys: [], threshold: 1 } } },
      { ...signed, delegations: { ...signed.delegations, root: { pubkeys: [a.hex], threshold: 0 } } },
      { ...signed, delegations: { ...signed.delegations, root: { pubkeys: ["xyz"], threshold: 1 } } },
    ];
    for (const value of bad) expect(() => read(value, {}), JSON.stringify(value)).toThrow("root.json");
    for (const text of ["", "[]", "null", "{}", '{"signed":{}}'])
      expect(() => parseRole(text, "root", "root.json")).toThrow("is no signed metadata");
  });
});
