import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { pathKind } from "../fs/files.ts";
import { exec } from "../host/exec.ts";
import type { PipTarget } from "../plan/pip-target.ts";
import type { CommandContext } from "./context.ts";

export interface ResolveQuestion {
  target: PipTarget;
  /** PyPI name and version of what conda installs: as good as installed. */
  provided: readonly (readonly [name: string, version: string])[];
  /** Absolute path of a requirements file. */
  requirements: string;
  /** Where relative requirements count from. */
  directory: string;
}

/** `install --dry-run --report` came with pip 22.2. */
const OLDEST = 22.2;

/**
 * pip looks at two things of the machine that it runs on although it is told another platform: at what is installed, and
 * at the values of environment markers. So the packages of conda are given as empty wheels of a local version, which the
 * constraints prefer to what the index has, and the markers' values are replaced before pip starts. The target directory
 * stays empty: older versions want one for another platform.
 */
const PROGRAM = `
import json, os, sys, tempfile, zipfile
question = json.load(sys.stdin)
import pip._vendor.packaging.markers as markers
from pip._vendor.packaging.version import InvalidVersion, Version
if not hasattr(markers, "default_environment"):
    sys.exit("ERROR: this version of pip cannot resolve for another platform")
markers.default_environment = lambda: dict(question["markers"])
stdout = os.dup(1)
os.dup2(2, 1)
with tempfile.TemporaryDirectory() as directory:
    pins = []
    for name, text in question["provided"]:
        try:
            version = Version(text)
        except InvalidVersion:
            continue
        version = version.public + "+conda" + ("." + version.local if version.local else "")
        pins.append(name + "==" + version)
        stem = name.replace("-", "_") + "-" + version
        with zipfile.ZipFile(os.path.join(directory, stem + "-py2.py3-none-any.whl"), "w") as wheel:
            wheel.writestr(stem + ".dist-info/METADATA", "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (name, version))
            wheel.writestr(stem + ".dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py2-none-any\\nTag: py3-none-any\\n")
            wheel.writestr(stem + ".dist-info/RECORD", "")
    constraints = os.path.join(directory, "constraints.txt")
    with open(constraints, "w") as file:
        file.write("\\n".join(pins))
    report = os.path.join(directory, "report.json")
    from pip._internal.cli.main import main
    code = main(question["arguments"] + ["--find-links", directory, "-c", constraints, "--report", report, "--target", os.path.join(directory, "none")])
    if code == 0:
        with open(report, encoding="utf-8") as file:
            document = json.load(file)
        ours = [item for item in document["install"] if "+conda" in item["metadata"]["version"] and os.path.basename(directory) in item["download_info"]["url"]]
        document["install"] = [item for item in document["install"] if item not in ours]
        with os.fdopen(stdout, "w", encoding="utf-8") as file:
            json.dump(document, file)
sys.exit(code)
`;

/** The text of pip's report for another python than its own. Nothing is installed. Throws `pip-failed` with pip's words. */
export async function askPip(
  python: PythonWithPip,
  question: ResolveQuestion,
  context: CommandContext,
): Promise<string> {
  const { target, provided, requirements, directory } = question;
  const args = [
    "install",
    ...["--dry-run", "--ignore-installed", "--no-input", "--disable-pip-version-check", "--quiet"],
    ...(context.config.offline ? ["--no-index"] : []),
    ...["--only-binary", ":all:", "--implementation", "cp", "--abi", target.abi],
    ...["--python-version", target.pythonVersion],
    ...target.platforms.flatMap((tag) => ["--platform", tag]),
    ...["-r", requirements],
  ];
  const result = await exec(python.file, [...python.args, "-c", PROGRAM], {
    input: JSON.stringify({ markers: target.markers, provided, arguments: args }),
    // A shell that lets pip run only inside of environments does not mean this: nothing is installed.
    env: { ...variables(context), PIP_REQUIRE_VIRTUALENV: "0", PYTHONUTF8: "1" },
    cwd: directory,
    signal: context.signal,
  });
  if (result.code === 0) return result.stdout;
  const said = result.stderr.split("\n").filter((line) => /error|no matching|could not/i.test(line));
  throw new ToolError(
    "pip-failed",
    `pip could not resolve the \`pip:\` section: ${said.at(-1)?.trim() ?? `exit code ${result.code}`}`,
    {
      hint: "only wheels can be locked, since nothing is built for another machine",
      details: { stderr: result.stderr, exit_code: result.code },
    },
  );
}

/** What starts a python that has a pip which writes reports. */
export interface PythonWithPip {
  file: string;
  args: readonly string[];
}

/** uv keeps a pip in its cache and finds, or brings, a python to run it. */
const OF_UV: PythonWithPip = {
  file: "uv",
  args: ["run", "--no-project", "--quiet", "--with", "pip", "python"],
};

/**
 * The root prefix's python or one on PATH, else one of uv; with `use_uv` that of uv alone. Throws `pip-failed` when uv was asked for
 * and cannot.
 */
export async function findPip(context: CommandContext): Promise<PythonWithPip | undefined> {
  if (context.config.useUv) {
    if (await hasPip(OF_UV, context)) return OF_UV;
    throw new ToolError(
      "pip-failed",
      "`uv` is not there to resolve the `pip:` section, or it can start no python",
      {
        hint: "put uv on PATH, or leave out --use-uv",
      },
    );
  }
  const { rootPrefix } = context.config;
  const windows = context.hostPlatform.startsWith("win-");
  const own = rootPrefix && join(rootPrefix, ...(windows ? ["python.exe"] : ["bin", "python"]));
  const candidates = windows ? ["python", "py"] : ["python3", "python"];
  if (own && (await pathKind(own)) !== undefined) candidates.unshift(own);
  for (const python of [...candidates.map((file) => ({ file, args: [] })), OF_UV])
    if (await hasPip(python, context)) return python;
  return undefined;
}

/** Offline, uv is not to download the pip and the python that it runs either. */
function variables({ env, config }: CommandContext): CommandContext["env"] {
  return config.offline ? { ...env, UV_OFFLINE: "1" } : env;
}

async function hasPip({ file, args }: PythonWithPip, context: CommandContext): Promise<boolean> {
  try {
    const { code, stdout } = await exec(file, [...args, "-m", "pip", "--version"], {
      env: variables(context),
      signal: context.signal,
    });
    return code === 0 && Number(/^pip (\d+\.\d+)/.exec(stdout)?.[1] ?? 0) >= OLDEST;
  } catch (error) {
    if (error instanceof ToolError && error.code !== "interrupted") return false;
    throw error;
  }
}
