import { all, expectEqual, failed, passed } from "./support.mjs";

/** Parsing, order, prefixes and edits of version literals. */
export function run(item, { library }) {
  const check = CHECKS[item.kind];
  return check ? check(item, library) : failed(`unknown kind \`${item.kind}\``);
}

const CHECKS = {
  cmp: ({ a, b, expect }, { compareVersions }) =>
    all([
      expectEqual(Math.sign(compareVersions(a, b)), expect, "order"),
      expectEqual(Math.sign(compareVersions(b, a)) + 0, 0 - expect, "reverse order"),
    ]),
  order: checkOrder,
  validity: ({ version, expect }, { isValidVersion }) =>
    expectEqual(isValidVersion(version) ? "valid" : "invalid", expect),
  parse: ({ version, expect }, { parseVersion }) => {
    const { epoch, segments, local } = parseVersion(version);
    return expectEqual(
      { segments: [[epoch], ...segments.map(markers)], local: local.map(markers) },
      expect,
      "segments",
    );
  },
  starts_with: ({ version, prefix, expect }, { versionStartsWith }) =>
    expectEqual(versionStartsWith(version, prefix), expect),
  compatible_with: ({ older, newer, level, expect }, { versionCompatibleWith }) =>
    expectEqual(versionCompatibleWith(newer, older, level), expect),
  truncate: ({ version, level, expect }, { truncateVersion }) =>
    expectEqual(truncateVersion(version, level), expect),
  bump: (item, library) =>
    sameVersion(
      library.bumpVersion(item.version, item.what === "segment" ? item.n : item.what),
      item,
      library,
    ),
  bump_segment_with_alpha: (item, library) =>
    sameVersion(library.bumpVersionWithAlpha(item.version, item.n), item, library),
  strip_local: (item, library) => sameVersion(library.stripLocalVersion(item.version), item, library),
  extend: (item, library) => sameVersion(library.extendVersion(item.version, item.n), item, library),
  major_minor: ({ version, expect }, { majorMinor }) => expectEqual(majorMinor(version) ?? null, expect),
  // Informational: how peers print a parsed version. Ours keeps the text, and each rendering must still mean the same version.
  to_string: ({ version, peers }, { parseVersion, compareVersions }) =>
    all([
      expectEqual(parseVersion(version).text, version, "text"),
      ...Object.values(peers ?? {})
        .filter((text) => typeof text === "string")
        .map((text) => expectEqual(Math.abs(compareVersions(version, text)), 0, `order against ${text}`)),
    ]),
};

function checkOrder({ versions, expect }, { compareVersions }) {
  const strict = expect.startsWith("strictly");
  for (let i = 1; i < versions.length; i++) {
    const order = compareVersions(versions[i - 1], versions[i]);
    if (order > 0 || (strict && order === 0))
      return failed(`${versions[i - 1]} is not before ${versions[i]}`);
  }
  return passed;
}

function markers(segment) {
  return segment.map((part) =>
    part === Number.POSITIVE_INFINITY ? "Infinity" : part === "dev" ? "DEV" : part,
  );
}

function sameVersion(actual, { expect, compare }, { compareVersions }) {
  if (compare !== "version-equality") return expectEqual(actual, expect);
  return compareVersions(actual, expect) === 0 ? passed : failed(`got ${actual}, expected ${expect}`);
}
