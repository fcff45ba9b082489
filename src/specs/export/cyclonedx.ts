import { splitCredentials } from "../credentials.ts";
import type { RepoDataRecord } from "../records.ts";
import {
  condaPurl,
  contentUuid,
  dependencyGraph,
  isSpdxExpression,
  licenseOf,
  type MaterialsExport,
  sortedRecords,
} from "./bill-of-materials.ts";

const ROOT = "environment";

/** A CycloneDX 1.6 document in JSON: the environment is the subject, its packages are the components. */
export function writeCycloneDx(materials: MaterialsExport): string {
  const records = sortedRecords(materials.records);
  const graph = dependencyGraph(records);
  const needed = new Set(graph.flatMap(({ needs }) => needs));
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${contentUuid(materials)}`,
    version: 1,
    metadata: {
      timestamp: materials.createdAt,
      tools: {
        components: [{ type: "application", name: materials.tool.name, version: materials.tool.version }],
      },
      component: { type: "application", "bom-ref": ROOT, name: materials.name },
    },
    components: records.map(component),
    dependencies: [
      // The subject depends on what nothing else needs; everything else is reached from there (but for cycles).
      { ref: ROOT, dependsOn: records.filter((record) => !needed.has(record)).map(condaPurl) },
      ...graph.map(({ record, needs }) => ({
        ref: condaPurl(record),
        dependsOn: needs.map(condaPurl).sort(),
      })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function component(record: RepoDataRecord): object {
  const purl = condaPurl(record);
  const license = licenseOf(record);
  const hashes = [
    ...(record.md5 ? [{ alg: "MD5", content: record.md5 }] : []),
    ...(record.sha256 ? [{ alg: "SHA-256", content: record.sha256 }] : []),
  ];
  return {
    type: "library",
    "bom-ref": purl,
    name: record.name,
    version: record.version,
    ...(hashes.length > 0 ? { hashes } : {}),
    ...(license === undefined ? {} : { licenses: [licenseEntry(license)] }),
    purl,
    externalReferences: [{ type: "distribution", url: splitCredentials(record.url).url }],
    properties: [
      { name: "conda:build", value: record.build },
      { name: "conda:build_number", value: String(record.build_number) },
      { name: "conda:subdir", value: record.subdir },
      { name: "conda:channel", value: splitCredentials(record.channel).url },
    ],
  };
}

function licenseEntry(license: string): object {
  return isSpdxExpression(license) ? { expression: license } : { license: { name: license } };
}
