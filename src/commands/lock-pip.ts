import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { removeTree, writeAtomic } from "../fs/files.ts";
import { pipTarget } from "../plan/pip-target.ts";
import { redactUrl } from "../specs/credentials.ts";
import { parsePipReport, pypiName } from "../specs/lock/pip-report.ts";
import { type PypiNames, parsePypiNames, USUAL_PYPI_NAMES } from "../specs/lock/pypi-names.ts";
import type { LockedPypiPackage } from "../specs/lock/types.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { readTextSource } from "./inputs.ts";
import { askPip, type PythonWithPip } from "./pip-resolver.ts";
import { virtualPackages } from "./virtual-packages.ts";

export interface PipSection {
  /** Lines of a requirements file. */
  requirements: readonly string[];
  /** Where relative requirements count from. */
  directory: string;
  /** What conda installs beside them. */
  records: readonly RepoDataRecord[];
  names: PypiNames;
}

/** PyPI's names of conda's packages as they are configured. Throws what `parsePypiNames` and `readTextSource` throw. */
export async function pypiNames(context: CommandContext): Promise<PypiNames> {
  const { pypiNameMapping } = context.config;
  return pypiNameMapping
    ? parsePypiNames(await readTextSource(pypiNameMapping, context), redactUrl(pypiNameMapping))
    : USUAL_PYPI_NAMES;
}

/**
 * The wheels that a `pip:` section needs on the platform in effect, beside what conda installs there. Throws `pip-failed`
 * when pip finds none, or when the environment has no python.
 */
export async function lockPip(
  pip: PythonWithPip,
  section: PipSection,
  context: CommandContext,
): Promise<LockedPypiPackage[]> {
  const platform = platformOf(context);
  const python = section.records.find(({ name }) => name === "python");
  if (!python)
    throw new ToolError("pip-failed", `for ${platform}, no python is there for the \`pip:\` section`, {
      hint: "add `python` and `pip` to the dependencies",
    });
  const target = pipTarget(platform, python, virtualPackages(context));
  if (!target)
    throw new ToolError(
      "pip-failed",
      `pip knows no wheels for python ${python.version} ${python.build} on ${platform}`,
    );
  const file = join(section.directory, `.taipan-${process.pid}-requirements.txt`);
  await writeAtomic(file, `${section.requirements.join("\n")}\n`);
  try {
    const question = {
      target,
      provided: provided(section),
      requirements: file,
      directory: section.directory,
    };
    const { packages, directories } = parsePipReport(await askPip(pip, question, context));
    if (directories.length > 0)
      context.events({
        type: "warning",
        code: "pip-not-locked",
        message: `directories of the \`pip:\` section are not locked: ${directories.join(", ")}`,
        hint: "what they need is; install them with `pip install --no-deps` afterwards",
      });
    return packages;
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== "pip-failed") throw error;
    throw new ToolError("pip-failed", `for ${platform}, ${error.message}`, {
      hint: error.hint,
      details: error.details,
    });
  } finally {
    await removeTree(file);
  }
}

/**
 * Packages that need python may be python distributions, others are not. What the section names itself is pip's to
 * choose, as it is when it installs the section (`pip install -U`).
 */
function provided({ records, requirements, names }: PipSection): [string, string][] {
  const named = new Set(
    requirements.map((line) => pypiName(/^[A-Za-z0-9][A-Za-z0-9._-]*/.exec(line.trim())?.[0] ?? "")),
  );
  return records
    .filter(
      ({ depends, noarch }) => noarch === "python" || depends.some((spec) => /^python(\s|$)/.test(spec)),
    )
    .flatMap(({ name, version }): [string, string][] => {
      const known = names.get(name);
      return known === null ? [] : [[known ?? pypiName(name), version]];
    })
    .filter(([name]) => !named.has(name));
}
