import type { RepoDataRecord } from "../../src/specs/records.ts";

const CHANNEL = "https://conda.anaconda.org/conda-forge";

/** A record with everything that follows from its file name. */
export function record(
  name: string,
  version: string,
  build: string,
  fields: Partial<RepoDataRecord> = {},
): RepoDataRecord {
  const subdir = fields.subdir ?? "linux-64";
  const fn = `${name}-${version}-${build}.conda`;
  return {
    name,
    version,
    build,
    build_number: Number(build.slice(build.lastIndexOf("_") + 1)) || 0,
    subdir,
    depends: [],
    fn,
    url: `${CHANNEL}/${subdir}/${fn}`,
    channel: CHANNEL,
    md5: "0123456789abcdef0123456789abcdef",
    sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ...fields,
  };
}

/** A small environment: an arch package, a noarch python one, odd build numbers, licences of every kind. */
export const SAMPLE: readonly RepoDataRecord[] = [
  record("libzlib", "1.3.1", "hb9d3cd8_2", { license: "Zlib", size: 60963, timestamp: 1727963148474 }),
  record("python", "3.13.0", "h9ebbce0_100_cp313", {
    build_number: 100,
    depends: ["libzlib >=1.3.1,<2.0a0", "libzlib >=1.2", "__glibc >=2.17"],
    constrains: ["python_abi 3.13.* *_cp313"],
    license: "Python-2.0",
    python_site_packages_path: "lib/python3.13/site-packages",
  }),
  record("_openmp_mutex", "4.5", "2_gnu", { build_number: 16, license: "None", track_features: "a b" }),
  record("six", "1.16.0", "pyh6c4a22f_0", {
    subdir: "noarch",
    noarch: "python",
    depends: ["python", "conda-forge::libzlib", "python 3.13.* *_cp313"],
    license: "MIT OR Apache-2.0",
    license_family: "MIT",
  }),
  record("oddity", "1!2.0+x", "0", {
    license: "see LICENSE file",
    depends: ["six", "missing"],
    constrains: [],
  }),
];
