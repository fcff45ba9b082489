/**
 * Content trust of conda channels, as conda-content-trust 0.6 signs it (a small kin of TUF): `root.json` names the keys of
 * `key_mgr.json`, which names the keys that sign the records of repodata.json. Pure: bytes in, verdict out.
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import { ToolError } from "../errors.ts";
import { objectOf, parseJson } from "../util/json.ts";

/** Public keys (hex, Ed25519) and how many of them must have signed. */
export interface Delegation {
  pubkeys: readonly string[];
  threshold: number;
}

/** A root.json or key_mgr.json whose form is right; nothing is said of its signatures yet. */
export interface TrustRole {
  type: string;
  version: number;
  /** ISO 8601 with seconds, UTC. */
  expiration: string;
  specVersion: string;
  delegations: Readonly<Record<string, Delegation>>;
  /** What is signed, as it stands in the file. */
  signed: unknown;
  signatures: SignatureMap;
}

/** By public key. `other_headers` marks a signature that GnuPG made (RFC 4880 5.2.4). */
export type SignatureMap = Readonly<Record<string, { signature: string; other_headers?: string }>>;

const KEY = /^[0-9a-f]{64}$/;
const SIGNATURE = /^[0-9a-f]{128}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
/** A role of real channels has one to three keys. */
const MAX_KEYS = 64;

/** Reads a role. `where` names the file in errors, which are `signature-invalid`. */
export function parseRole(text: string, type: "root" | "key_mgr", where: string): TrustRole {
  const fail = (what: string) => new ToolError("signature-invalid", `\`${where}\` ${what}`);
  const document = objectOf(parseJson(text));
  const signed = objectOf(document?.["signed"]);
  const signatures = readSignatures(document?.["signatures"]);
  if (!document || !signed || !signatures) throw fail("is no signed metadata");
  const { type: found, version, expiration, metadata_spec_version: specVersion } = signed;
  if (found !== type) throw fail(`is of the type \`${String(found)}\`, not \`${type}\``);
  if (!Number.isSafeInteger(version) || (version as number) < 1) throw fail("has no version");
  if (typeof expiration !== "string" || !TIME.test(expiration)) throw fail("does not say when it expires");
  if (typeof specVersion !== "string" || !/^0\.6\.\d+$/.test(specVersion))
    throw fail(`follows version \`${String(specVersion)}\` of the specification, not 0.6`);
  const delegations = readDelegations(signed["delegations"]);
  const needed = type === "root" ? ["root", "key_mgr"] : ["pkg_mgr"];
  if (!delegations || needed.some((name) => !Object.hasOwn(delegations, name)))
    throw fail(`does not name the keys of ${needed.map((name) => `\`${name}\``).join(" and ")}`);
  return { type, version: version as number, expiration, specVersion, delegations, signed, signatures };
}

/** The next root after a trusted one: one version on, signed by the old keys and by its own (TUF 5.3.4 and 5.3.5). */
export function updateRoot(trusted: TrustRole, next: TrustRole, where: string): TrustRole {
  if (next.version !== trusted.version + 1) {
    throw new ToolError(
      "signature-invalid",
      `\`${where}\` has version ${next.version}, not ${trusted.version + 1}`,
    );
  }
  checkRole(next, trusted.delegations["root"]!, where);
  checkRole(next, next.delegations["root"]!, where);
  return next;
}

/** Throws `signature-invalid` unless enough of the keys have signed the role. */
export function checkRole(role: TrustRole, keys: Delegation, where: string): void {
  const count = validSignatures(role.signed, role.signatures, keys);
  if (count >= keys.threshold) return;
  throw new ToolError(
    "signature-invalid",
    `\`${where}\` has ${count} of the ${keys.threshold} signatures it needs`,
    { hint: "the channel's keys were changed, or its metadata was tampered with" },
  );
}

/** Old metadata could name keys that were withdrawn since: whoever serves it may hold them (a freeze attack). */
export function checkFresh(role: TrustRole, now: Date, where: string): void {
  if (Date.parse(role.expiration) > now.getTime()) return;
  throw new ToolError("signature-invalid", `\`${where}\` expired on ${role.expiration.slice(0, 10)}`, {
    hint: "the channel must sign its metadata anew, or somebody holds back the new one",
  });
}

/** How many of the keys have signed the value. */
export function validSignatures(value: unknown, signatures: unknown, { pubkeys }: Delegation): number {
  const known = readSignatures(signatures);
  if (!known) return 0;
  const texts = canonicalForms(value);
  return [...new Set(pubkeys)].filter((key) => {
    const entry = Object.hasOwn(known, key) ? known[key] : undefined;
    return entry !== undefined && texts.some((text) => isSignedBy(text, key, entry));
  }).length;
}

function isSignedBy(text: Buffer, key: string, entry: SignatureMap[string]): boolean {
  const publicKey = createPublicKey({
    // The fixed head of an Ed25519 key in DER (RFC 8410).
    key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(key, "hex")]),
    format: "der",
    type: "spki",
  });
  const data = entry.other_headers === undefined ? text : gpgDigest(text, entry.other_headers);
  try {
    return verify(null, data, publicKey, Buffer.from(entry.signature, "hex"));
  } catch {
    return false;
  }
}

/** What GnuPG signs: the hash of the data, its own headers and their length. */
function gpgDigest(text: Buffer, headers: string): Buffer {
  const bytes = Buffer.from(headers, "hex");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return createHash("sha256").update(text).update(bytes).update("04ff", "hex").update(length).digest();
}

/**
 * The value as conda-content-trust and mamba serialise it to sign it: keys sorted, two spaces. Python writes other characters
 * than ASCII as escapes, C++ as they are; both say the same, so either may be signed.
 */
function canonicalForms(value: unknown): Buffer[] {
  const text = JSON.stringify(sorted(value), null, 2);
  const escaped = text.replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return (escaped === text ? [text] : [escaped, text]).map((form) => Buffer.from(form));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  const object = objectOf(value);
  if (!object) return value;
  const result: Record<string, unknown> = Object.create(null);
  // Python sorts by code point, which for keys of repodata is the same as by UTF-16 unit.
  for (const key of Object.keys(object).sort()) result[key] = sorted(object[key]);
  return result;
}

function readSignatures(value: unknown): SignatureMap | undefined {
  const object = objectOf(value);
  if (!object || Object.keys(object).length > MAX_KEYS) return undefined;
  const result: Record<string, SignatureMap[string]> = {};
  for (const [key, item] of Object.entries(object)) {
    const { signature, other_headers: headers } = objectOf(item) ?? {};
    // What cannot be a signature is none; others may still be enough.
    if (!KEY.test(key) || typeof signature !== "string" || !SIGNATURE.test(signature)) continue;
    if (headers === undefined) result[key] = { signature };
    else if (typeof headers === "string" && /^([0-9a-f]{2}){1,512}$/.test(headers))
      result[key] = { signature, other_headers: headers };
  }
  return result;
}

function readDelegations(value: unknown): Record<string, Delegation> | undefined {
  const object = objectOf(value);
  if (!object) return undefined;
  const result: Record<string, Delegation> = {};
  for (const [name, item] of Object.entries(object)) {
    const { pubkeys, threshold } = objectOf(item) ?? {};
    const keys = Array.isArray(pubkeys) ? (pubkeys as unknown[]) : [];
    const good = keys.length > 0 && keys.length <= MAX_KEYS && keys.every((key) => KEY.test(String(key)));
    if (!good || !Number.isSafeInteger(threshold) || (threshold as number) < 1) return undefined;
    result[name] = { pubkeys: keys.map(String), threshold: threshold as number };
  }
  return result;
}
