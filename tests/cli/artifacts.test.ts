import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSandbox, type Sandbox } from "../support/cli.ts";
import { FIXED_ENV, writeWorld } from "../support/cli-world.ts";

interface Key {
  hex: string;
  secret: KeyObject;
}

function newKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const der = publicKey.export({ format: "der", type: "spki" });
  return { hex: der.subarray(-32).toString("hex"), secret: privateKey };
}

const KEYS = { root: newKey(), manager: newKey(), packages: newKey(), stranger: newKey() };

/** Sorted by key, two spaces: the form that is signed. */
function canonical(value: unknown): Buffer {
  const sort = (item: unknown): unknown =>
    Array.isArray(item)
      ? item.map(sort)
      : typeof item === "object" && item !== null
        ? Object.fromEntries(
            Object.entries(item)
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, inner]) => [key, sort(inner)]),
          )
        : item;
  return Buffer.from(JSON.stringify(sort(value), null, 2));
}

const signatureOf = (value: unknown, key: Key) => ({
  [key.hex]: { signature: sign(null, canonical(value), key.secret).toString("hex") },
});

function role(
  type: "root" | "key_mgr",
  delegations: Record<string, Key>,
  key: Key,
  more: object = {},
): string {
  const signed = {
    delegations: Object.fromEntries(
      Object.entries(delegations).map(([name, { hex }]) => [name, { pubkeys: [hex], threshold: 1 }]),
    ),
    expiration: "2999-01-01T00:00:00Z",
    metadata_spec_version: "0.6.0",
    timestamp: "2026-01-01T00:00:00Z",
    type,
    version: 1,
    ...more,
  };
  return JSON.stringify({ signatures: signatureOf(signed, key), signed });
}

type Repodata = Record<"packages" | "packages.conda" | "signatures", Record<string, Record<string, unknown>>>;

let sandbox: Sandbox;
let url: string;
let unsigned: string;
let directory: string;
let rootFile: string;
let count = 0;

function editRepodata(subdir: string, edit: (repodata: Repodata) => void): void {
  const path = join(directory, subdir, "repodata.json");
  const repodata = JSON.parse(readFileSync(path, "utf8")) as Repodata;
  edit(repodata);
  writeFileSync(path, JSON.stringify(repodata));
}

/** Signs the channel anew, as its owner would. */
function signChannel(more: { manager?: object; by?: Key } = {}): void {
  writeFileSync(
    join(directory, "key_mgr.json"),
    role("key_mgr", { pkg_mgr: KEYS.packages }, KEYS.manager, more.manager),
  );
  for (const subdir of ["linux-64", "noarch"]) {
    editRepodata(subdir, (repodata) => {
      const records = { ...repodata.packages, ...repodata["packages.conda"] };
      repodata.signatures = Object.fromEntries(
        Object.entries(records).map(([fn, record]) => [fn, signatureOf(record, more.by ?? KEYS.packages)]),
      );
    });
  }
}

beforeAll(async () => {
  sandbox = createSandbox();
  directory = join(sandbox.dir, "channel");
  ({ url } = await writeWorld(directory));
  cpSync(directory, join(sandbox.dir, "unsigned"), { recursive: true });
  unsigned = `file://${join(sandbox.dir, "unsigned")}`;
  // Only the plain form, so that what is edited is what is read.
  for (const subdir of ["linux-64", "noarch"])
    rmSync(join(directory, subdir, "repodata.json.zst"), { force: true });
  const key = createHash("md5").update(`${url}/`).digest("hex").slice(0, 8);
  rootFile = join(sandbox.root, "etc", "trusted-repos", key, "root.json");
  mkdirSync(dirname(rootFile), { recursive: true });
});
afterAll(() => sandbox.close());

/** `create` of the app and what it needs, with signatures demanded. */
async function create(options: { channels?: string[]; words?: string[] } = {}) {
  const channels = (options.channels ?? [url]).flatMap((channel) => ["-c", channel]);
  return sandbox.taipanWith(
    { env: FIXED_ENV },
    ...["create", "-n", `e${++count}`, "-y", "--json", "--verify-artifacts", "--override-channels"],
    ...["--repodata-ttl", "0", ...channels, ...(options.words ?? ["app=1"])],
  );
}

async function refused(says: string, options: Parameters<typeof create>[0] = {}) {
  const result = await create(options);
  expect(result.json(), result.stderr).toMatchObject({ success: false, code: "signature-invalid" });
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(says);
}

describe("--verify-artifacts", { shuffle: false }, () => {
  it("refuses a channel without a trusted root, and says where it belongs", async () => {
    await refused("no root is trusted");
    await refused(rootFile);
    writeFileSync(rootFile, role("root", { root: KEYS.root, key_mgr: KEYS.manager }, KEYS.root));
    await refused("has no key_mgr.json");
  });

  it("installs what is signed, also by URL", async () => {
    signChannel();
    expect(await create()).toMatchObject({ code: 0 });
    const archive = join(directory, "linux-64", "libx-1.0-0.conda");
    expect(await create({ words: [archive] })).toMatchObject({ code: 0 });
    expect(await create({ words: ["app=1", "--trusted-channels", url] })).toMatchObject({ code: 0 });
  });

  it("refuses what is not signed as it is", async () => {
    editRepodata("linux-64", (repodata) => {
      repodata["packages.conda"]["app-1.0-0.conda"]!["depends"] = ["libx 1.1.*"];
    });
    await refused("`app-1.0-0.conda` has 0 of the 1 signatures");
    signChannel({ by: KEYS.stranger });
    await refused("has 0 of the 1 signatures");
    signChannel();
    editRepodata("linux-64", (repodata) => {
      delete repodata.signatures["libx-1.1-0.conda"];
    });
    await refused("`libx-1.1-0.conda` has 0 of the 1 signatures");
    signChannel();
    const other = join(sandbox.dir, "unsigned", "linux-64", "conf-a-1.0-0.conda");
    await refused("not among `trusted_channels`", { words: [other, "--trusted-channels", url] });
    await refused("no root is trusted", { channels: [unsigned] });
  });

  it("refuses keys that the root does not lead to, old ones and expired ones", async () => {
    const manager = join(directory, "key_mgr.json");
    writeFileSync(manager, role("key_mgr", { pkg_mgr: KEYS.stranger }, KEYS.stranger));
    await refused("key_mgr.json` has 0 of the 1 signatures");
    signChannel({ manager: { expiration: "2020-01-01T00:00:00Z" } });
    await refused("expired on 2020-01-01");
    signChannel({ manager: { version: 5 } });
    expect(await create()).toMatchObject({ code: 0 });
    signChannel({ manager: { version: 4 } });
    await refused("is older than what the channel had before");
    signChannel({ manager: { version: 5 } });
  });

  it("follows roots that the old root has signed", async () => {
    const delegations = { root: KEYS.stranger, key_mgr: KEYS.manager };
    const next = join(directory, "2.root.json");
    writeFileSync(next, role("root", delegations, KEYS.stranger, { version: 2 }));
    await refused("2.root.json` has 0 of the 1 signatures");
    const keep = { root: KEYS.root, key_mgr: KEYS.stranger };
    writeFileSync(next, role("root", keep, KEYS.root, { version: 2 }));
    await refused("key_mgr.json` has 0 of the 1 signatures");
    rmSync(next);
  });

  it("is a key of the configuration, and nothing is checked without it", async () => {
    const env = { ...FIXED_ENV, CONDA_VERIFY_ARTIFACTS: "true" };
    const words = ["create", "-n", "plain", "-c", unsigned, "--override-channels", "app", "-y"];
    expect((await sandbox.taipanWith({ env }, ...words)).code).toBe(1);
    expect((await sandbox.taipanWith({ env: FIXED_ENV }, ...words)).code).toBe(0);
  });
});
