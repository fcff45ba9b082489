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

const DOCUMENT = "SPDXRef-DOCUMENT";
const ROOT = "SPDXRef-environment";
const UNKNOWN = "NOASSERTION";

/** An SPDX 2.3 document in JSON: the environment contains its packages, packages depend on packages. */
export function writeSpdx(materials: MaterialsExport): string {
  const records = sortedRecords(materials.records);
  const licenses = new Map<string, string>();
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT,
    name: materials.name,
    documentNamespace: `https://spdx.org/spdxdocs/${encodeURIComponent(materials.name)}-${contentUuid(materials)}`,
    creationInfo: {
      created: materials.createdAt,
      creators: [`Tool: ${materials.tool.name}-${materials.tool.version}`],
    },
    packages: [
      environmentPackage(materials.name),
      ...records.map((record) => describePackage(record, licenses)),
    ],
    relationships: [
      { spdxElementId: DOCUMENT, relationshipType: "DESCRIBES", relatedSpdxElement: ROOT },
      ...records.map((record) => ({
        spdxElementId: ROOT,
        relationshipType: "CONTAINS",
        relatedSpdxElement: idOf(record),
      })),
      ...dependencyGraph(records).flatMap(({ record, needs }) =>
        needs.map((other) => ({
          spdxElementId: idOf(record),
          relationshipType: "DEPENDS_ON",
          relatedSpdxElement: idOf(other),
        })),
      ),
    ],
    ...(licenses.size > 0
      ? {
          hasExtractedLicensingInfos: [...licenses].map(([text, licenseId]) => ({
            licenseId,
            extractedText: text,
            name: text,
          })),
        }
      : {}),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Letters, digits, `.` and `-` only; names are unique in an environment, and `_` is written so that they stay so. */
function idOf(record: RepoDataRecord): string {
  return `SPDXRef-conda-${record.name.replaceAll("_", "-u-").replace(/[^A-Za-z0-9.-]/g, "-")}`;
}

function environmentPackage(name: string): object {
  return {
    SPDXID: ROOT,
    name,
    downloadLocation: UNKNOWN,
    filesAnalyzed: false,
    licenseConcluded: UNKNOWN,
    licenseDeclared: UNKNOWN,
    copyrightText: UNKNOWN,
  };
}

function describePackage(record: RepoDataRecord, licenses: Map<string, string>): object {
  const checksums = [
    ...(record.md5 ? [{ algorithm: "MD5", checksumValue: record.md5 }] : []),
    ...(record.sha256 ? [{ algorithm: "SHA256", checksumValue: record.sha256 }] : []),
  ];
  return {
    SPDXID: idOf(record),
    name: record.name,
    versionInfo: record.version,
    packageFileName: record.fn,
    supplier: UNKNOWN,
    downloadLocation: splitCredentials(record.url).url || UNKNOWN,
    filesAnalyzed: false,
    ...(checksums.length > 0 ? { checksums } : {}),
    licenseConcluded: UNKNOWN,
    licenseDeclared: declared(licenseOf(record), licenses),
    copyrightText: UNKNOWN,
    externalRefs: [
      { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: condaPurl(record) },
    ],
  };
}

/**
 * SPDX has a field for its expressions only: other texts are quoted under a number of their own. References that an
 * expression makes (`LicenseRef-libglvnd`) must be explained too; the package has the text, the record only the name.
 */
function declared(license: string | undefined, licenses: Map<string, string>): string {
  if (license === undefined) return UNKNOWN;
  if (!isSpdxExpression(license)) {
    const known = licenses.get(license) ?? `LicenseRef-conda-${licenses.size + 1}`;
    licenses.set(license, known);
    return known;
  }
  for (const [reference] of license.matchAll(/(?<![\w.:-])LicenseRef-[A-Za-z0-9.-]+/g))
    licenses.set(reference, reference);
  return license;
}
