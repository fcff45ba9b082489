import { all, attempt, expectEqual, failed, passed } from "./support.mjs";

/** Match specs: fields, matches, printed forms and package URLs. */
export function run(item, { library }) {
  const check = CHECKS[item.kind];
  return check ? check(item, library) : failed(`unknown kind \`${item.kind}\``);
}

const CHECKS = {
  parse: checkParse,
  parse_v3: checkParse,
  match: ({ spec, package: record, expect }, { parseMatchSpec, matchSpecMatches }) => {
    const { value, error } = attempt(() => matchSpecMatches(parseMatchSpec(spec), record));
    return error === undefined ? expectEqual(value, expect) : failed(error);
  },
  env_export_form: ({ spec, expect }, { parseMatchSpec, formatExportSpec }) =>
    expectEqual(formatExportSpec(parseMatchSpec(spec)), expect),
  extract_name: ({ spec, expect }, { extractName }) => expectEqual(extractName(spec) ?? null, expect),
  build_number: ({ spec, build_number, expect }, { parseMatchSpec, matchSpecMatches }) => {
    const record = { name: "x", version: "0", build: "0", build_number, subdir: "noarch" };
    return expectEqual(matchSpecMatches(parseMatchSpec(`x[build_number='${spec}']`), record), expect);
  },
  package_url: checkPackageUrl,
};

function checkParse(item, library) {
  const { value: spec, error } = attempt(() => library.parseMatchSpec(item.spec));
  const outcome = expectEqual(error === undefined ? "ok" : "invalid", item.expect, error ?? "outcome");
  if (outcome.status !== "passed" || spec === undefined) return outcome;
  const fields = Object.entries(item.expect_fields ?? {}).map(([field, expected]) =>
    checkField(field, expected, spec, item, library),
  );
  const probes = Object.entries(item.version_probe ?? {}).map(([version, expected]) =>
    expectEqual(
      spec.version === undefined || library.versionSpecMatches(spec.version, version),
      expected,
      `version ${version}`,
    ),
  );
  const printed = library.formatMatchSpec(spec);
  const again = attempt(() => library.formatMatchSpec(library.parseMatchSpec(printed)));
  return all([
    ...fields,
    ...probes,
    expectEqual(again.value, printed, again.error ?? "printed and parsed again"),
  ]);
}

function checkField(field, expected, spec, item, library) {
  if (field === "version" || field === "build_number")
    return checkVersionField(field, expected, spec, item, library);
  // The text of a condition is free; it must mean what it says.
  if (field === "when") {
    const other = attempt(() => library.parseMatchSpec(`x[when="${expected.replaceAll('"', '\\"')}"]`));
    return other.value
      ? expectEqual(
          spec.when && conditionText(spec.when, library),
          conditionText(other.value.when, library),
          field,
        )
      : failed(other.error);
  }
  return expectEqual(readField(field, spec), expected, field);
}

/** Versions are given in libmamba's spelling: where probes are given they decide, else the meaning of both texts. */
function checkVersionField(
  field,
  expected,
  spec,
  item,
  { parseVersionSpec, formatVersionSpec, versionSpecMatches },
) {
  if (field === "version" && item.version_probe) return passed;
  const actual = field === "version" ? spec.version : spec.buildNumber;
  if (actual === undefined) return expectEqual("*", expected, field);
  const wanted = parseVersionSpec(expected);
  if (field === "version") return expectEqual(formatVersionSpec(actual), formatVersionSpec(wanted), field);
  const numbers = Array.from({ length: 30 }, (_, i) => String(i));
  return expectEqual(
    numbers.map((number) => versionSpecMatches(actual, number)),
    numbers.map((number) => versionSpecMatches(wanted, number)),
    `${field} from 0 to 29`,
  );
}

function conditionText(condition, library) {
  if (condition.kind === "spec") return library.formatMatchSpec(condition.spec);
  return [condition.kind, ...condition.operands.map((operand) => conditionText(operand, library))];
}

function readField(field, spec) {
  switch (field) {
    case "name":
      return spec.name ?? spec.nameMatcher?.source ?? "*";
    case "build":
    case "license":
    case "features":
      return spec[field]?.source;
    case "license_family":
      return spec.licenseFamily?.source;
    case "subdirs":
      return spec.subdir?.split(",");
    case "url_or_path":
      return spec.url;
    case "track_features":
      return spec.trackFeatures?.toSorted();
    case "flags":
      return spec.flags?.map(({ source }) => source);
    default:
      return spec[field];
  }
}

function checkPackageUrl({ url, expect }, { parsePackageUrl }) {
  const { value, error } = attempt(() => parsePackageUrl(url, { cwd: "<CWD>" }));
  if (expect === null || expect === "invalid")
    return error === undefined ? failed("it was accepted") : passed;
  if (value === undefined) return failed(error);
  // A file name says nothing about the build number; the source prints 0 there.
  return all(
    Object.entries(expect).map(([field, expected]) =>
      field === "build_number" ? passed : expectEqual(value[field], expected, field),
    ),
  );
}
