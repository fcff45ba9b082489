import { all, expectEqual, failed, passed } from "./support.mjs";

/** Environment files, text spec files and lock files. */
export function run(item, { library }) {
  const check = CHECKS[item.kind];
  return check ? check(item, library) : failed(`unknown kind \`${item.kind}\``);
}

const CHECKS = {
  environment_yml: checkEnvironment,
  text_spec: checkText,
  explicit: checkText,
  lockfile: checkLock,
  pixi_lock: checkPixiLock,
  is_conda_lockfile_name: ({ filename, expect }, { isCondaLockFileName }) =>
    expectEqual(isCondaLockFileName(filename), expect),
  is_env_lockfile_name: ({ filename, expect }, { isLockFileName }) =>
    expectEqual(isLockFileName(filename), expect),
};

function attempt(work) {
  try {
    return { status: "ok", value: work() };
  } catch (error) {
    if (error?.name !== "ToolError") throw error;
    return { status: "error", message: error.message };
  }
}

function expectStatus(actual, expect) {
  return actual.status === expect.status
    ? passed
    : failed(`status ${actual.status}, not ${expect.status}: ${actual.message ?? "no complaint"}`);
}

function checkEnvironment({ filename, content, env = {}, expect }, { parseEnvironmentFile }) {
  const actual = attempt(() =>
    parseEnvironmentFile(content, {
      fileName: filename,
      platform: env.subdir ?? env.platform ?? env.CONDA_SUBDIR ?? "linux-64",
      home: env.HOME ?? env.home ?? "/home/user",
      env,
    }),
  );
  if (actual.status !== expect.status || expect.status === "error") return expectStatus(actual, expect);
  const file = actual.value;
  return all([
    expectEqual(file.name ?? null, expect.name ?? null, "name"),
    expectEqual(file.dependencies, (expect.specs ?? []).map(String), "specs"),
    expectEqual(channelsOf(file), expect.channels, "channels"),
    ...(expect.pip_specs ? [expectEqual(file.pip ?? [], expect.pip_specs, "pip_specs")] : []),
    ...(expect.prefix ? [expectEqual(file.prefix, expect.prefix, "prefix")] : []),
    ...Object.entries(expect.variables ?? {}).map(([name, value]) =>
      sameText(file.variables[name], value, name),
    ),
  ]);
}

/** Cases say `conda-forge` where nothing was given and the default applies. */
function channelsOf(file) {
  return file.channels.length > 0 ? file.channels : ["conda-forge"];
}

/** Values are text (CEP 24); cases show them as YAML reads them: 1.50 is 1.5 there. */
function sameText(actual, wanted, what) {
  const same =
    actual === String(wanted) ||
    (typeof wanted === "number" && actual !== undefined && Number(actual) === wanted);
  return same
    ? passed
    : failed(`variable ${what} is ${JSON.stringify(actual)}, not ${JSON.stringify(wanted)}`);
}

function checkText({ filename, content, expect }, { parseSpecFile }) {
  const actual = attempt(() => parseSpecFile(content, { fileName: filename }));
  if (actual.status !== expect.status || expect.status === "error") return expectStatus(actual, expect);
  const file = actual.value;
  const specs = file.kind === "explicit" ? file.entries.map((entry) => entry.source) : file.specs;
  return expectEqual(specs, expect.specs ?? [], "specs");
}

function checkLock({ filename, content, expect }, { parseLockFile, selectLocked }) {
  const actual = attempt(() => parseLockFile(content, { fileName: filename }));
  if (actual.status !== expect.status || expect.status === "error") return expectStatus(actual, expect);
  const platforms = [...actual.value.environments.values()].flatMap((each) => [...each.platforms.values()]);
  const count = platforms.reduce((sum, { conda, pypi }) => sum + conda.length + pypi.length, 0);
  const byFilter = (expect.filters ?? []).map(({ category, platform, manager, count: wanted }) => {
    const chosen = selectLocked(actual.value, { platform, categories: [category] });
    const found = manager === "conda" ? chosen.conda.length : chosen.pypi.length;
    return expectEqual(found, wanted, `${manager} packages of ${category} for ${platform}`);
  });
  return all([
    ...(expect.n_packages === undefined ? [] : [expectEqual(count, expect.n_packages, "packages")]),
    ...byFilter,
    ...(expect.categories
      ? [expectEqual(categoriesOf(platforms), [...expect.categories].sort(), "categories")]
      : []),
  ]);
}

function categoriesOf(platforms) {
  const names = platforms.flatMap(({ conda, pypi }) => [...conda, ...pypi].map((each) => each.category));
  return [...new Set(names)].sort();
}

function checkPixiLock({ filename, content, expect }, { parsePixiLock }) {
  const actual = attempt(() => parsePixiLock(content, { fileName: filename }));
  if (actual.status !== expect.status || expect.status === "error") return expectStatus(actual, expect);
  const environments = [...actual.value.environments].map(([name, environment]) => [
    name,
    shapeOf(environment),
  ]);
  return all([
    expectEqual(actual.value.version, String(expect.version), "version"),
    expectEqual(Object.fromEntries(environments), expect.environments, "environments"),
  ]);
}

function shapeOf({ channels, indexes, options, platforms }) {
  const packages = [...platforms].map(([name, { conda, condaSources, pypi }]) => [
    name,
    {
      ...(conda.length > 0 ? { conda: conda.map((each) => each.location) } : {}),
      ...(condaSources.length > 0 ? { conda_source: condaSources } : {}),
      ...(pypi.length > 0 ? { pypi: pypi.map((each) => each.location) } : {}),
    },
  ]);
  return {
    channels,
    packages: Object.fromEntries(packages),
    ...(indexes.length > 0 ? { indexes } : {}),
    ...(options ? { options } : {}),
  };
}
