import { boolean, integer, list, map, named, number, oneOf, string } from "./key-types.ts";

const flag = { rc: false, env: "none" } as const;

/** What is installed and how: prefixes, solver, fetch, extract, link. */
export const INSTALL_KEYS = named({
  root_prefix: string("Basic", "", "Path of the root prefix", {
    rc: false,
    path: true,
    defaultText:
      "$XDG_DATA_HOME/mamba (~/.local/share/mamba; Windows: %APPDATA%\\mamba), or ~/micromamba where that exists already",
  }),
  create_base: boolean("Basic", false, "Create the root prefix; the first environment does it anyway", flag),
  target_prefix: string("Basic", "", "Path of the environment that a command works on", {
    rc: false,
    path: true,
  }),
  use_default_prefix_fallback: boolean("Basic", true, "Fall back to the active environment", flag),
  target_prefix_checks: integer("Basic", 0, "Which checks the target prefix must pass", flag),
  relocate_prefix: string("Basic", "", "Prefix to write into files instead of the target prefix", {
    rc: false,
    path: true,
  }),
  env_name: string("Basic", "", "Name of the environment that a command works on", flag),
  envs_dirs: list("Basic", [], "Directories of named environments", {
    aliases: ["envs_path"],
    env: "none",
    path: true,
    separator: "path",
    defaultText: "<root prefix>/envs, always last",
  }),
  pkgs_dirs: list("Basic", [], "Package caches: the first writable one is filled, all are read", {
    env: ["CONDA_PKGS_DIRS"],
    path: true,
    defaultText: "<root prefix>/pkgs, ~/.mamba/pkgs",
  }),
  platform: string("Basic", "", "Platform to install for, such as linux-64", {
    details: "The platform directory of channels that is used beside noarch.",
    aliases: ["subdir"],
    env: ["CONDA_SUBDIR", "MAMBA_PLATFORM"],
    defaultText: "the platform of this machine",
  }),
  spec_file_env_name: string("Basic", "", "Name of the environment as an environment file says", flag),
  clone: string("Basic", "", "Environment to clone", flag),
  specs: list("Basic", [], "Specs given on the command line", flag),
  file_specs: list("Basic", [], "Files of specs given on the command line", flag),
  others_pkg_mgrs_specs: list(
    "Basic",
    [],
    "Requirements of other package managers in an environment file",
    flag,
  ),
  experimental: boolean("Basic", false, "Turn on experimental features", {
    noEffect: "there are no experimental features",
  }),
  experimental_matchspec_parsing: boolean(
    "Basic",
    false,
    "Accepted for micromamba's sake; there is one parser",
    {
      rc: false,
    },
  ),
  debug: boolean("Basic", false, "Print what is going on in detail", { rc: false }),

  explicit_install: boolean("Solver", false, "Install a list of package URLs without solving", flag),
  no_pin: boolean("Solver", false, "Ignore pinned packages", { rc: false }),
  no_py_pin: boolean("Solver", false, "Let python change its minor version unasked"),
  add_pip_as_python_dependency: boolean("Solver", true, "Install pip with python"),
  prefix_data_interoperability: boolean("Solver", false, "Let conda packages replace those of pip", {
    aliases: ["pip_interop_enabled"],
    env: "none",
    details:
      "What pip installed is removed when a package of the same name is linked.\nThe solver does not see it: what conda packages need is installed, whether pip brought it already or not.",
  }),
  pinned_packages: list("Solver", [], "Specs that every environment must respect", { separator: "&" }),
  disallowed_packages: list("Solver", [], "Specs that must never be installed", {
    aliases: ["disallow"],
    env: "none",
    separator: "&",
  }),
  aggressive_update_packages: list("Solver", [], "Packages brought up to date at every occasion", {
    env: "none",
  }),
  track_features: list("Solver", [], "Features of which every environment gets a package that tracks them", {
    env: "none",
  }),
  override_virtual_packages: map("Solver", "Versions of virtual packages, such as cuda: '12.4'", {
    details:
      "By name, with or without the underscores; an empty version means that there is none.\n" +
      "Variables such as CONDA_OVERRIDE_CUDA count more.",
    aliases: ["virtual_packages"],
    env: "none",
  }),
  create_default_packages: list("Solver", [], "Specs added to every new environment", { env: "none" }),
  freeze_installed: boolean("Solver", false, "Change no package that is installed", flag),
  force_reinstall: boolean("Solver", false, "Reinstall the named packages even when nothing changes", flag),
  no_deps: boolean("Solver", false, "Install no dependencies", flag),
  only_deps: boolean("Solver", false, "Install only the dependencies", flag),
  allow_uninstall: boolean("Solver", true, "Permit removing packages while installing or updating"),
  allow_downgrade: boolean("Solver", true, "Permit lower versions while installing or updating"),
  order_solver_request: boolean("Solver", true, "Make the result independent of the order of specs", {
    noEffect: "the result never depends on the order of specs",
  }),
  categories: list("Solver", ["main"], "Categories of a lock file to install", flag),
  retry_clean_cache: boolean("Solver", false, "Fetch repodata anew when there is no solution", { rc: false }),
  exclude_newer: string("Solver", "", "Ignore packages that a channel listed after this date or age", {
    env: "none",
  }),
  exclude_newer_package: map("Solver", "Dates or ages for single packages, in place of exclude_newer", {
    details:
      "A map of a package's name to a date, an age, or false: then its newest version may be installed,\nas one may want it of packages of one's own.",
    env: "none",
  }),
  solve_strategy: oneOf(
    "Solver",
    ["highest", "lowest", "lowest-direct"],
    "highest",
    "Which versions to prefer",
    {
      env: "none",
    },
  ),
  solver_timeout_secs: number("Solver", 0, "Seconds after which solving is given up; 0 is never", {
    env: "none",
  }),

  download_threads: integer("Extract, Link & Install", 5, "Number of packages downloaded at the same time", {
    aliases: ["fetch_threads"],
  }),
  default_threads: integer(
    "Extract, Link & Install",
    0,
    "Value of download_threads and extract_threads where they are not set; 0 leaves them their defaults",
    { env: "none" },
  ),
  extract_threads: integer("Extract, Link & Install", 0, "Number of packages extracted at the same time", {
    details: "0 is the number of processors; a negative number is that many fewer than the processors.",
    aliases: ["execute_threads"],
  }),
  allow_softlinks: boolean("Extract, Link & Install", false, "Symlink where a hard link is impossible"),
  always_copy: boolean("Extract, Link & Install", false, "Copy files instead of linking them", {
    aliases: ["copy"],
  }),
  always_softlink: boolean("Extract, Link & Install", false, "Symlink files to the package cache", {
    details: "Environments break when the package cache is cleaned.",
    aliases: ["softlink"],
  }),
  shortcuts: boolean("Extract, Link & Install", true, "Create menu entries"),
  safety_checks: oneOf(
    "Extract, Link & Install",
    ["enabled", "warn", "disabled"],
    "warn",
    "What a wrong size or checksum of an extracted file leads to",
    { env: ["CONDA_SAFETY_CHECKS", "MAMBA_SAFETY_CHECKS"] },
  ),
  extra_safety_checks: boolean(
    "Extract, Link & Install",
    false,
    "Compare the checksum of every extracted file",
    {
      env: ["CONDA_EXTRA_SAFETY_CHECKS", "MAMBA_EXTRA_SAFETY_CHECKS"],
    },
  ),
  verify_artifacts: boolean("Extract, Link & Install", false, "Install only packages that are signed", {
    details:
      "Records of repodata.json must be signed by keys that key_mgr.json names, and that by keys of a root that you trust:\n" +
      "<root prefix>/etc/trusted-repos/<first 8 digits of the md5 of the channel's URL and />/root.json.",
  }),
  trusted_channels: list(
    "Extract, Link & Install",
    [],
    "With verify_artifacts, the channels that packages may come from; all when empty",
  ),
  signing_metadata_url_base: string(
    "Extract, Link & Install",
    "",
    "Where root.json and key_mgr.json of signed channels are",
    { env: "none", defaultText: "the channel itself" },
  ),
  lock_timeout: integer("Extract, Link & Install", 0, "Seconds to wait for a lock; 0 is without end"),
  use_lockfiles: boolean(
    "Extract, Link & Install",
    true,
    "Lock package caches and prefixes while they are changed",
    // Not `noEffect`, which warns: micromamba's manual tells users of NFS to set it, and what they want by it they have.
    {
      details:
        "Locks are always taken: they need nothing of the file system that NFS and its kin lack,\nwhich is why micromamba can be told to do without.",
    },
  ),
  compile_pyc: boolean("Extract, Link & Install", true, "Compile python files of noarch packages"),
  skip_run_link_scripts: boolean("Extract, Link & Install", false, "Do not run link scripts of packages"),
  link_scripts: oneOf(
    "Extract, Link & Install",
    ["run", "skip", "fail"],
    "run",
    "What happens with link scripts of packages",
    {
      details: "fail refuses packages that have any, before anything changes. skip_run_link_scripts is skip.",
    },
  ),
  use_uv: boolean("Extract, Link & Install", false, "Install pip requirements with uv"),
  path_conflict: oneOf(
    "Extract, Link & Install",
    ["clobber", "warn", "prevent"],
    "clobber",
    "What happens when two packages have the same file",
    { env: "none" },
  ),
  rollback_enabled: boolean(
    "Extract, Link & Install",
    true,
    "Restore the environment when a transaction fails",
    {
      env: "none",
      noEffect: "an environment is changed in one step or not at all: nothing half done could be kept",
    },
  ),
  use_only_tar_bz2: boolean(
    "Extract, Link & Install",
    false,
    "Ignore packages in the .conda format; otherwise it is chosen where a channel has both",
    { env: "none" },
  ),
  register_envs: boolean(
    "Extract, Link & Install",
    true,
    "List new environments in ~/.conda/environments.txt",
    {
      env: "none",
    },
  ),
  protect_frozen_envs: boolean(
    "Extract, Link & Install",
    true,
    "Refuse to change environments marked frozen (CEP 22)",
    {
      env: "none",
    },
  ),
});
