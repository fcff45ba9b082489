import { describe, expect, it } from "vitest";
import { parseEnvironmentFile } from "../../src/specs/environment-file.ts";
import {
  condaPurl,
  writeCondaLock,
  writeCycloneDx,
  writeEnvironmentYaml,
  writeExplicit,
  writeMambajsLock,
  writePixiLock,
  writeSpdx,
} from "../../src/specs/export/index.ts";
import { parseCondaLock, parsePixiLock, selectLocked } from "../../src/specs/lock/index.ts";
import { parseSpecFile } from "../../src/specs/spec-file.ts";
import { record, SAMPLE } from "./records.ts";

const materials = {
  name: "demo",
  records: SAMPLE,
  createdAt: "2026-01-31T12:00:00Z",
  tool: { name: "taipan", version: "1.2.3" },
};
const secret = record("a", "1", "0", {
  url: "https://u:pw@h/t/tk/c/linux-64/a-1-0.conda",
  channel: "https://u:pw@h/t/tk/c",
});

describe("environment.yml", () => {
  it("has one spec a package, sorted, and is read back", () => {
    const text = writeEnvironmentYaml(
      {
        name: "demo",
        prefix: "/envs/demo",
        channels: ["conda-forge"],
        dependencies: { records: SAMPLE },
        pip: ["requests==2.32"],
        variables: { A: "yes", B: "1:30", C: "1_000", D: "" },
      },
      { build: true },
    );
    expect(text).toContain("  - six=1.16.0=pyh6c4a22f_0\n");
    const file = parseEnvironmentFile(text, { fileName: "e.yml", platform: "linux-64" });
    expect(file).toMatchObject({
      name: "demo",
      prefix: "/envs/demo",
      channels: ["conda-forge"],
      dependencies: [
        "_openmp_mutex=4.5=2_gnu",
        "libzlib=1.3.1=hb9d3cd8_2",
        "oddity=1!2.0+x=0",
        "python=3.13.0=h9ebbce0_100_cp313",
        "six=1.16.0=pyh6c4a22f_0",
        "pip",
      ],
      pip: ["requests==2.32"],
      variables: { A: "yes", B: "1:30", C: "1_000", D: "" },
      warnings: [],
    });
  });

  it("follows the flags", () => {
    const one = { channels: ["c"], dependencies: { records: SAMPLE.slice(0, 1) } };
    expect(writeEnvironmentYaml(one)).toBe("channels:\n  - c\ndependencies:\n  - libzlib=1.3.1\n");
    expect(writeEnvironmentYaml(one, { build: true, md5: true, channelSubdir: true })).toContain(
      "https://conda.anaconda.org/conda-forge/linux-64::libzlib=1.3.1=hb9d3cd8_2[md5=0123456789abcdef0123456789abcdef]",
    );
    expect(writeEnvironmentYaml({ channels: [], dependencies: { specs: ["python=3.10", "yes"] } })).toBe(
      'channels: []\ndependencies:\n  - python=3.10\n  - "yes"\n',
    );
  });
});

describe("explicit", () => {
  it("keeps the order and is read back", () => {
    const text = writeExplicit(SAMPLE, { hash: "sha256", platform: "linux-64" });
    const file = parseSpecFile(text, { fileName: "x.txt" });
    expect(file).toMatchObject({
      kind: "explicit",
      platform: "linux-64",
      entries: SAMPLE.map(({ url, sha256 }) => ({ url, sha256 })),
    });
    expect(writeExplicit(SAMPLE, { hash: "none" })).not.toContain("#0");
  });
});

describe("lock files", () => {
  it("conda-lock.yml gives the same packages back", () => {
    const text = writeCondaLock({
      channels: ["conda-forge"],
      platforms: [{ platform: "linux-64", records: SAMPLE }],
      sources: ["environment.yml"],
    });
    const { conda } = selectLocked(parseCondaLock(text, { fileName: "conda-lock.yml" }), {
      platform: "linux-64",
    });
    const key = (each: (typeof SAMPLE)[number]) => [
      each.url,
      each.md5,
      each.sha256,
      each.name,
      each.version,
      each.build,
      each.subdir,
      each.noarch,
    ];
    expect(conda.map(({ record }) => key(record)).sort()).toEqual(
      SAMPLE.map((each) => key({ ...each, noarch: each.noarch })).sort(),
    );
    const python = conda.find(({ record }) => record.name === "python");
    expect(python?.record.depends).toEqual(["__glibc >=2.17", "libzlib >=1.3.1,<2.0a0,>=1.2"]);
    const six = conda.find(({ record }) => record.name === "six");
    expect(six?.record.depends).toEqual(["libzlib", "python 3.13.* *_cp313"]);
  });

  it("constraints of one name are joined, but one with a build string stands alone", () => {
    const depends = ["python >=3.9", "python 3.13.* *_cp313", "a", "a >=1", "conda-forge::b <2"];
    const text = writeCondaLock({
      channels: [],
      platforms: [{ platform: "linux-64", records: [record("x", "1", "0", { depends })] }],
    });
    const [x] = selectLocked(parseCondaLock(text, { fileName: "c" }), { platform: "linux-64" }).conda;
    expect(x?.record.depends).toEqual(["a >=1", "b <2", "python 3.13.* *_cp313"]);
  });

  it("the content hash follows the packages only", () => {
    const write = (records: typeof SAMPLE) =>
      /linux-64: ([0-9a-f]{64})/.exec(
        writeCondaLock({ channels: [], platforms: [{ platform: "linux-64", records }] }),
      )?.[1];
    expect(write(SAMPLE)).toBe(write([...SAMPLE].reverse()));
    expect(write(SAMPLE)).not.toBe(write(SAMPLE.slice(1)));
  });

  it("pixi.lock takes a stray % of a URL as it is", () => {
    const url = "https://h/c/linux-64/a%-1-0.conda";
    const platforms = [{ platform: "linux-64", records: [record("a", "1", "0", { url })] }];
    expect(writePixiLock([{ name: "default", channelUrls: ["https://h/c"], platforms }])).toContain(url);
  });

  it("pixi.lock gives the same records back", () => {
    const text = writePixiLock([
      {
        name: "default",
        channelUrls: ["https://conda.anaconda.org/conda-forge"],
        platforms: [{ platform: "linux-64", records: SAMPLE }],
      },
    ]);
    const lock = parsePixiLock(text, { fileName: "pixi.lock" });
    expect(lock.environments.get("default")?.channels).toEqual(["https://conda.anaconda.org/conda-forge/"]);
    const { conda } = selectLocked(lock, { platform: "linux-64" });
    const expected = SAMPLE.map(({ constrains, ...rest }) =>
      constrains?.length ? { ...rest, constrains } : rest,
    );
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    expect(conda.map(({ record }) => record).sort(byName)).toEqual([...expected].sort(byName));
    expect(text).not.toContain("name: python");
  });
});

describe("bills of materials", () => {
  it("package URLs", () => {
    expect(condaPurl(SAMPLE[0] as never)).toBe(
      "pkg:conda/libzlib@1.3.1?build=hb9d3cd8_2&channel=https://conda.anaconda.org/conda-forge&subdir=linux-64&type=conda",
    );
    expect(condaPurl(SAMPLE[4] as never)).toContain("@1!2.0%2Bx?");
  });

  it("CycloneDX: components, licences, dependency graph", () => {
    const bom = JSON.parse(writeCycloneDx(materials));
    expect(bom).toMatchObject({
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      version: 1,
      metadata: { timestamp: materials.createdAt },
    });
    expect(bom.serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const by = (name: string) => bom.components.find((each: { name: string }) => each.name === name);
    expect(by("six").licenses).toEqual([{ expression: "MIT OR Apache-2.0" }]);
    expect(by("oddity").licenses).toEqual([{ license: { name: "see LICENSE file" } }]);
    expect(by("_openmp_mutex").licenses).toBeUndefined();
    const refs = new Set([
      "environment",
      ...bom.components.map((each: { "bom-ref": string }) => each["bom-ref"]),
    ]);
    expect(refs.size).toBe(SAMPLE.length + 1);
    for (const { ref, dependsOn } of bom.dependencies) {
      expect(refs).toContain(ref);
      for (const each of dependsOn) expect(refs).toContain(each);
    }
    const six = bom.dependencies.find(({ ref }: { ref: string }) => ref === by("six")["bom-ref"]);
    expect(six.dependsOn).toEqual([by("libzlib")["bom-ref"], by("python")["bom-ref"]]);
    expect(writeCycloneDx({ ...materials, records: [...SAMPLE].reverse() })).toBe(writeCycloneDx(materials));
  });

  it("SPDX explains the licences that an expression refers to", () => {
    const records = [record("a", "1", "0", { license: "MIT AND LicenseRef-own" })];
    expect(JSON.parse(writeSpdx({ ...materials, records })).hasExtractedLicensingInfos).toEqual([
      { licenseId: "LicenseRef-own", extractedText: "LicenseRef-own", name: "LicenseRef-own" },
    ]);
  });

  it("SPDX: packages, relationships, quoted licences", () => {
    const doc = JSON.parse(writeSpdx(materials));
    expect(doc).toMatchObject({
      spdxVersion: "SPDX-2.3",
      dataLicense: "CC0-1.0",
      SPDXID: "SPDXRef-DOCUMENT",
    });
    const ids = doc.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID);
    expect(new Set(ids).size).toBe(SAMPLE.length + 1);
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    for (const { spdxElementId, relatedSpdxElement } of doc.relationships) {
      expect(["SPDXRef-DOCUMENT", ...ids]).toContain(spdxElementId);
      expect(ids).toContain(relatedSpdxElement);
    }
    expect(doc.packages.find(({ name }: { name: string }) => name === "oddity").licenseDeclared).toBe(
      "LicenseRef-conda-1",
    );
    expect(doc.hasExtractedLicensingInfos).toEqual([
      { licenseId: "LicenseRef-conda-1", extractedText: "see LICENSE file", name: "see LICENSE file" },
    ]);
    expect(doc.packages.find(({ name }: { name: string }) => name === "_openmp_mutex").licenseDeclared).toBe(
      "NOASSERTION",
    );
  });
});

it("no writer lets credentials through", () => {
  const platforms = [{ platform: "linux-64", records: [secret] }];
  for (const text of [
    writeExplicit([secret]),
    writeCondaLock({ channels: ["https://u:pw@h/t/tk/c"], platforms }),
    writePixiLock([{ name: "default", channelUrls: ["https://u:pw@h/t/tk/c"], platforms }]),
    writeMambajsLock({
      ...platforms[0]!,
      specs: [secret.url],
      channels: [{ name: "c", url: "https://u:pw@h/t/tk/c" }],
    }),
    writeCycloneDx({ ...materials, records: [secret] }),
    writeSpdx({ ...materials, records: [secret] }),
    writeEnvironmentYaml(
      { channels: ["https://u:pw@h/t/tk/c"], dependencies: { records: [secret] } },
      { channelSubdir: true },
    ),
  ]) {
    expect(text).not.toMatch(/pw|tk/);
  }
});
