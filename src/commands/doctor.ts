import { join } from "node:path";
import { ToolError } from "../errors.ts";
import { isWritable, pathKind } from "../fs/files.ts";
import { readEnvironmentsTxt, registerEnvironment } from "../prefix/environments-txt.ts";
import type { PrefixState } from "../prefix/prefix.ts";
import { damagedPackages, type VerifyProblem } from "../prefix/verify.ts";
import { matchSpecMatches, tryParseMatchSpec } from "../specs/match-spec.ts";
import { distString, type PackageRecord } from "../specs/records.ts";
import type { CommandContext } from "./context.ts";
import { cacheProblems } from "./doctor-cache.ts";
import { examineNetwork, type NetworkReport } from "./doctor-network.ts";
import { readEnvironment } from "./list.ts";
import { findStubs, mendStubs, type StubRecord } from "./stub-records.ts";
import type { TargetOptions } from "./target.ts";
import { findProblems, relink } from "./verify.ts";
import { virtualPackages } from "./virtual-packages.ts";

/** What is looked for, by conda's names of its health checks where it has the same. */
export const CHECKS = {
  "missing-files": "files of packages that are not there",
  "altered-files": "files of packages that are not as they were installed",
  records: "records of packages that another tool left without dependencies",
  consistency: "packages whose dependencies are missing or of another version",
  pinned: "packages that are not as conda-meta/pinned has them",
  "environment-txt": "whether environments.txt knows the environment",
  history: "whether conda-meta/history can be read",
  writable: "whether the environment can be changed",
  "package-cache": "whether packages can be linked from a package cache with room",
  "ca-bundle": "whether the configured certificates are there",
  network: "whether the configured channels answer (with --network alone)",
} as const;
export type CheckName = keyof typeof CHECKS;

export interface HealthCheck {
  name: CheckName;
  status: "ok" | "warning" | "error";
  /** One sentence. */
  message: string;
  details: readonly string[];
  fixed?: boolean | undefined;
}

export interface DoctorIntent {
  target: TargetOptions;
  fix: boolean;
  /** Ask the channels whether they answer. Nothing else of this command opens a connection. */
  network: boolean;
}

export interface DoctorResult {
  /** Undefined where only the network was looked at. */
  prefix: string | undefined;
  checks: readonly HealthCheck[];
  network?: NetworkReport;
}

/** Looks for everything that commonly goes wrong with an environment; with `fix`, mends what can be mended without a solve. */
export async function doctor(intent: DoctorIntent, context: CommandContext): Promise<DoctorResult> {
  if (!intent.network) return examineEnvironment(intent, context);
  const { report, errors, warnings } = await examineNetwork(context);
  const network = check(
    "network",
    "the configured channels answer",
    "channels do not answer as they should",
    [...errors, ...warnings],
    errors.length > 0 ? "error" : "warning",
  );
  const { prefix, checks } = await examineEnvironment(intent, context).catch((error: unknown) => {
    // Where the network fails there may be no environment yet.
    const named = intent.target.name ?? intent.target.prefix;
    const missing = error instanceof ToolError && error.code === "environment-not-found";
    if (named !== undefined || !missing) throw error;
    return { prefix: undefined, checks: [] };
  });
  return { prefix, checks: [...checks, network], network: report };
}

async function examineEnvironment(
  intent: Pick<DoctorIntent, "target" | "fix">,
  context: CommandContext,
): Promise<DoctorResult> {
  const { prefix, state } = await readEnvironment(intent.target, context);
  const problems = await findProblems(prefix, state.records, "full", context.signal);
  const stubs = await findStubs(state.records, context);
  const checks = [
    ...fileChecks(problems),
    stubRecords(stubs),
    consistency(state, context),
    pinned(state),
    await environmentTxt(prefix, context),
    await history(prefix),
    await writable(prefix),
    await packageCache(prefix, context),
    await caBundle(context),
  ];
  if (!intent.fix) return { prefix, checks };
  return { prefix, checks: await fix(checks, { prefix, state, problems, stubs }, context) };
}

function check(
  name: CheckName,
  good: string,
  bad: string,
  details: readonly string[],
  status: "warning" | "error" = "error",
): HealthCheck {
  return details.length === 0
    ? { name, status: "ok", message: good, details }
    : { name, status, message: bad, details };
}

function fileChecks(problems: readonly VerifyProblem[]): HealthCheck[] {
  const lines = (missing: boolean) =>
    problems
      .filter(({ problem }) => (problem === "missing") === missing)
      .map(({ package: dist, path }) => `${dist}: ${path}`);
  return [
    check("missing-files", "no file of a package is missing", "files of packages are missing", lines(true)),
    check(
      "altered-files",
      "no file of a package was changed",
      "files of packages were changed",
      lines(false),
    ),
  ];
}

function stubRecords(stubs: readonly StubRecord[]): HealthCheck {
  const details = stubs.map(({ record, whole }) =>
    whole
      ? `${distString(record)} needs ${whole.depends.map((text) => `\`${text}\``).join(", ")}`
      : `${distString(record)} is in no package cache: \`install --force-reinstall ${record.name}\` gets its record`,
  );
  return check(
    "records",
    "no record of a package lacks its dependencies",
    "records of packages lack their dependencies",
    details,
  );
}

/** Every dependency and constraint of every package holds. */
function consistency(state: PrefixState, context: CommandContext): HealthCheck {
  const virtual = virtualPackages(context);
  const present = new Map<string, PackageRecord>(
    [...state.records, ...virtual].map((record) => [record.name, record]),
  );
  const details: string[] = [];
  for (const record of state.records) {
    for (const text of record.depends) {
      const spec = tryParseMatchSpec(text);
      if (spec?.name === undefined || spec.when !== undefined) continue;
      const other = present.get(spec.name);
      if (!other) details.push(`${distString(record)} needs \`${text}\`, which is not there`);
      else if (!matchSpecMatches(spec, other))
        details.push(`${distString(record)} needs \`${text}\`, but ${distString(other)} is there`);
    }
    for (const text of record.constrains ?? []) {
      const spec = tryParseMatchSpec(text);
      const other = spec?.name === undefined ? undefined : present.get(spec.name);
      if (spec && other && !matchSpecMatches(spec, other))
        details.push(`${distString(record)} allows only \`${text}\`, but ${distString(other)} is there`);
    }
  }
  return check("consistency", "all dependencies are met", "dependencies are not met", details);
}

function pinned(state: PrefixState): HealthCheck {
  const details: string[] = [];
  for (const text of state.pinned) {
    const spec = tryParseMatchSpec(text);
    const installed =
      spec?.name === undefined ? undefined : state.records.find((record) => record.name === spec.name);
    if (!spec) details.push(`\`${text}\` is no spec`);
    else if (installed && !matchSpecMatches(spec, installed))
      details.push(`${distString(installed)} is not what \`${text}\` pins`);
  }
  return check(
    "pinned",
    "pins are well formed and kept",
    "pins are malformed or not kept",
    details,
    "warning",
  );
}

function environmentsTxtOf(context: CommandContext): string {
  return join(context.home, ".conda", "environments.txt");
}

async function environmentTxt(prefix: string, context: CommandContext): Promise<HealthCheck> {
  const path = environmentsTxtOf(context);
  const listed = (await readEnvironmentsTxt(path)).includes(prefix);
  return check(
    "environment-txt",
    "the environment is registered",
    "the environment is not registered",
    listed ? [] : [`${prefix} is not in ${path}: other tools will not list it`],
    "warning",
  );
}

async function history(prefix: string): Promise<HealthCheck> {
  const path = join(prefix, "conda-meta", "history");
  const there = (await pathKind(path)) === "file";
  return check(
    "history",
    "the history is there",
    "there is no history",
    there ? [] : [`${path} is missing: conda does not take the directory for an environment`],
  );
}

async function writable(prefix: string): Promise<HealthCheck> {
  return check(
    "writable",
    "the environment can be changed",
    "the environment cannot be changed",
    (await isWritable(join(prefix, "conda-meta"))) ? [] : [`no permission to write to ${prefix}`],
    "warning",
  );
}

async function packageCache(prefix: string, { config }: CommandContext): Promise<HealthCheck> {
  return check(
    "package-cache",
    "packages can be linked from the package cache",
    "the package cache is not as it should be",
    await cacheProblems(prefix, config.pkgsDirs),
    "warning",
  );
}

/** A bundle that is named but not there breaks pip and requests, in a way that is hard to read. */
async function caBundle({ env }: CommandContext): Promise<HealthCheck> {
  const details: string[] = [];
  for (const name of ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"]) {
    const path = env[name];
    if (path && (await pathKind(path)) === undefined)
      details.push(`${name} names ${path}, which is not there`);
  }
  return check(
    "ca-bundle",
    "certificate bundles that are named are there",
    "a certificate bundle is not there",
    details,
  );
}

interface Findings {
  prefix: string;
  state: PrefixState;
  problems: readonly VerifyProblem[];
  stubs: readonly StubRecord[];
}

async function fix(
  checks: readonly HealthCheck[],
  { prefix, state, problems, stubs }: Findings,
  context: CommandContext,
): Promise<HealthCheck[]> {
  const fixed = new Set<CheckName>();
  if (problems.length > 0 && (await relink(prefix, state, damagedPackages(problems), context)).done) {
    const { state: now } = await readEnvironment({ prefix }, context);
    const left = fileChecks(await findProblems(prefix, now.records, "full", context.signal));
    for (const { name, status } of left) if (status === "ok") fixed.add(name);
  }
  // After the files: linking a package again writes its record again.
  if (stubs.length > 0 && !context.config.dryRun) {
    const { state: now } = await readEnvironment({ prefix }, context);
    const found = await findStubs(now.records, context);
    await mendStubs(prefix, found, context);
    if (found.every(({ whole }) => whole !== undefined)) fixed.add("records");
  }
  const unregistered = checks.some(({ name, status }) => name === "environment-txt" && status !== "ok");
  if (
    unregistered &&
    !context.config.dryRun &&
    (await registerEnvironment(environmentsTxtOf(context), prefix))
  )
    fixed.add("environment-txt");
  return checks.map((each) =>
    each.status !== "ok" && fixed.has(each.name) ? { ...each, fixed: true } : each,
  );
}
