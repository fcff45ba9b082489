import { all, attempt, expectEqual, failed, passed } from "./support.mjs";

/** Version specifiers: what they match, which are valid, which are the same. */
export function run(item, { library }) {
  const check = CHECKS[item.kind];
  return check ? check(item, library) : failed(`unknown kind \`${item.kind}\``);
}

const CHECKS = {
  match: ({ spec, version, expect }, { parseVersionSpec, versionSpecMatches }) => {
    const { value, error } = attempt(() => versionSpecMatches(parseVersionSpec(spec), version));
    return error === undefined ? expectEqual(value, expect) : expectEqual("invalid", expect, error);
  },
  validity: ({ spec, expect }, { parseVersionSpec }) => {
    const { error } = attempt(() => parseVersionSpec(spec));
    return expectEqual(error === undefined ? "valid" : "invalid", expect, error);
  },
  equivalent: ({ a, b, expect }, library) =>
    expectEqual(canonical(a, library) === canonical(b, library), expect),
  conda_str: checkRendering,
  libmamba_str: checkRendering,
  rattler_str: checkRendering,
};

/** Informational in the source: a peer's rendering of a spec must mean to us what the spec means. */
function checkRendering({ spec, expect, conda_build_form }, library) {
  const renderings = [expect, conda_build_form].filter((text) => typeof text === "string");
  return renderings.length === 0
    ? passed
    : all(renderings.map((text) => expectEqual(canonical(text, library), canonical(spec, library), text)));
}

function canonical(spec, { parseVersionSpec, formatVersionSpec }) {
  return formatVersionSpec(parseVersionSpec(spec));
}
