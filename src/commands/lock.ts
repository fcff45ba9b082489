import { dirname, relative, resolve } from "node:path";
import { ToolError } from "../errors.ts";
import { ensureDir, writeAtomic } from "../fs/files.ts";
import type { Channel } from "../specs/channel.ts";
import { redactUrl } from "../specs/credentials.ts";
import { writeCondaLock, writeExplicit, writeMambajsLock, writePixiLock } from "../specs/export/index.ts";
import type { LockedPypiPackage } from "../specs/lock/index.ts";
import { parseMatchSpec } from "../specs/match-spec.ts";
import { similarNames } from "../specs/names.ts";
import { isPlatform, PLATFORMS } from "../specs/platform.ts";
import type { RepoDataRecord } from "../specs/records.ts";
import { newRecords } from "./change.ts";
import { chooseChannels } from "./channels.ts";
import { type CommandContext, platformOf } from "./context.ts";
import { namesPackages } from "./explicit.ts";
import { gatherInputs, type InputSources, type Inputs } from "./inputs.ts";
import { lockPip, pypiNames } from "./lock-pip.ts";
import { findPip } from "./pip-resolver.ts";
import { type KeptPackages, keptPackages } from "./relock.ts";
import { solveChange } from "./solve-change.ts";

const LOCK_FORMATS = ["conda-lock", "pixi-lock", "mambajs-lock", "explicit"] as const;
export type LockFormatName = (typeof LOCK_FORMATS)[number];

export interface LockIntent extends InputSources {
  /** As for `create`. */
  channels?: readonly string[];
  /** When none is named, those that the environment files name, else the configured one. */
  platforms?: readonly string[];
  /** Names of packages to lock anew in the file `output`; the others stay as they are locked there where that is possible. */
  update?: readonly string[];
  /** Told by the name of the output when absent. */
  format?: LockFormatName | undefined;
  /** Path, `-` (the default) for none; `{platform}` stands for the platform, where a file is for one. */
  output?: string;
}

/** Formats whose files are for one platform. */
const FOR_ONE: readonly LockFormatName[] = ["explicit", "mambajs-lock"];

export interface LockedSolve {
  platform: string;
  /** What was asked for there. */
  specs: readonly string[];
  channels: readonly Channel[];
  records: readonly RepoDataRecord[];
  /** What the `pip:` sections need beside the records. */
  pypi: readonly LockedPypiPackage[];
}

export interface LockOutcome {
  format: LockFormatName;
  solved: readonly LockedSolve[];
  /** What was written, or is to be printed when the output is `-`. */
  files: readonly { path: string; text: string }[];
  written: boolean;
}

/** Solves for each platform, touching no prefix and fetching no package, and writes what was found as a lock file. */
export async function lock(intent: LockIntent, context: CommandContext): Promise<LockOutcome> {
  const { output = "-", platforms: named = [] } = intent;
  const format = intent.format ?? formatOf(output);
  const kept = await keptBefore(intent, format, context);
  const platforms = [
    ...new Set(
      kept ? [...kept.keys(), ...named] : named.length ? named : await filePlatforms(intent, context),
    ),
  ];
  for (const platform of platforms) checkPlatform(platform);
  if (FOR_ONE.includes(format) && platforms.length > 1 && !output.includes("{platform}")) {
    const [what, example] =
      format === "explicit"
        ? ["an explicit list", "explicit-{platform}.txt"]
        : ["a lock of mambajs", "{platform}-lock.json"];
    throw new ToolError("usage", `${what} is for one platform`, {
      hint: `write {platform} in the name of the output, such as \`-o ${example}\``,
    });
  }
  const solved: LockedSolve[] = [];
  const forPip = onceForPip(context);
  for (const platform of platforms)
    solved.push(
      await solveFor(platform, solved.length === 0, { ...intent, ...forPip, format, kept }, context),
    );
  const files = render(format, solved, { files: intent.files ?? [], output, cwd: context.cwd });
  const written = output !== "-" && !context.config.dryRun;
  for (const { path, text } of written ? files : []) {
    const absolute = resolve(context.cwd, path);
    await ensureDir(dirname(absolute));
    await writeAtomic(absolute, text);
  }
  return { format, solved, files, written };
}

/** Undefined without --update. */
async function keptBefore(
  { update = [], output = "-" }: LockIntent,
  format: LockFormatName,
  context: CommandContext,
): Promise<KeptPackages | undefined> {
  if (update.length === 0) return undefined;
  if (FOR_ONE.includes(format))
    throw new ToolError("usage", `--update is for conda-lock and pixi-lock files, not for ${format}`);
  return keptPackages(
    output,
    update.map((text) => parseMatchSpec(text)),
    context,
  );
}

async function filePlatforms(intent: LockIntent, context: CommandContext): Promise<string[]> {
  const { platforms } = await gatherInputs(intent, { ...context, events: () => {} });
  return platforms.length ? platforms : [platformOf(context)];
}

function formatOf(output: string): LockFormatName {
  if (/\.lock$/.test(output)) return "pixi-lock";
  if (/\.json$/.test(output)) return "mambajs-lock";
  return /\.txt$/.test(output) ? "explicit" : "conda-lock";
}

function checkPlatform(platform: string): void {
  if (isPlatform(platform)) return;
  const near = similarNames(platform, PLATFORMS);
  throw new ToolError("usage", `\`${platform}\` is no platform`, {
    hint: near.length ? `did you mean \`${near[0]}\`?` : `known are ${PLATFORMS.join(", ")}`,
  });
}

async function solveFor(
  platform: string,
  first: boolean,
  intent: LockIntent & ForPip & { kept: KeptPackages | undefined },
  outer: CommandContext,
): Promise<LockedSolve> {
  const context: CommandContext = { ...outer, config: { ...outer.config, platform } };
  const inputs = await gatherInputs(intent, first ? context : { ...context, events: () => {} });
  if (namesPackages(inputs))
    throw new ToolError("usage", "package URLs and lock files need no lock", {
      hint: "give specs or an environment file",
    });
  if (inputs.specs.length === 0)
    throw new ToolError("usage", "nothing to lock", { hint: "name packages, or a file with -f" });
  const channels = chooseChannels(
    {
      channels: intent.channels ?? [],
      fileChannels: inputs.channels,
      nodefaults: inputs.nodefaults,
      specs: inputs.specs,
    },
    context,
  );
  try {
    const kept = intent.kept?.get(platform);
    const what = { prefix: "", specs: inputs.specs, channels, pipSection: inputs.pip.length > 0 };
    const plan = await solveChange(
      kept ? { ...what, command: "install", prune: true, kept } : { ...what, command: "create" },
      undefined,
      context,
    );
    const records = newRecords(plan.transaction);
    const pypi = await pypiFor({ inputs, records, first, intent }, context);
    return { platform, specs: inputs.specs, channels, records, pypi };
  } catch (error) {
    if (
      !(error instanceof ToolError) ||
      (error.code !== "unsatisfiable" && error.code !== "package-not-found")
    )
      throw error;
    throw new ToolError(error.code, `for ${platform}, ${error.message}`, {
      hint: error.hint,
      details: { ...error.details, platform },
    });
  }
}

/** What `pip:` sections need: looked for when the first is met, once for all platforms. */
interface ForPip {
  findPip(): ReturnType<typeof findPip>;
  pypiNames(): ReturnType<typeof pypiNames>;
}

function onceForPip(context: CommandContext): ForPip {
  let pip: ReturnType<typeof findPip> | undefined;
  let names: ReturnType<typeof pypiNames> | undefined;
  return {
    findPip: () => (pip ??= findPip(context)),
    pypiNames: () => (names ??= pypiNames(context)),
  };
}

interface PypiRequest {
  inputs: Pick<Inputs, "pip" | "pipDirectory">;
  records: readonly RepoDataRecord[];
  /** Of several platforms, the one that is warned for. */
  first: boolean;
  intent: Pick<LockIntent, "format"> & ForPip;
}

async function pypiFor(request: PypiRequest, context: CommandContext): Promise<LockedPypiPackage[]> {
  const { inputs, records, first, intent } = request;
  if (inputs.pip.length === 0) return [];
  const pip = intent.format === "explicit" ? undefined : await intent.findPip();
  if (pip !== undefined) {
    const directory = inputs.pipDirectory ?? context.cwd;
    const names = await intent.pypiNames();
    return lockPip(pip, { requirements: inputs.pip, directory, records, names }, context);
  }
  if (first)
    context.events({
      type: "warning",
      code: "pip-not-locked",
      message: `the \`pip:\` section is not locked: ${inputs.pip.join(", ")}`,
      hint:
        intent.format === "explicit"
          ? "explicit lists have no place for it; write a conda-lock.yml or pixi.lock"
          : "with pip 22.2 or newer (python3 -m pip), or uv, on PATH it is",
    });
  return [];
}

function render(
  format: LockFormatName,
  solved: readonly LockedSolve[],
  intent: { files: readonly string[]; output: string; cwd: string },
): { path: string; text: string }[] {
  const channels = solved[0]!.channels;
  if (format === "conda-lock") {
    const sources = intent.files.filter((file) => file !== "-").map((file) => sourcePath(file, intent));
    return [
      {
        path: intent.output,
        text: writeCondaLock({ channels: channels.map(({ name }) => name), platforms: solved, sources }),
      },
    ];
  }
  if (format === "pixi-lock") {
    return [
      {
        path: intent.output,
        text: writePixiLock([
          { name: "default", channelUrls: channels.map(({ baseUrl }) => baseUrl), platforms: solved },
        ]),
      },
    ];
  }
  return solved.map((each) => ({
    path: intent.output.replaceAll("{platform}", each.platform),
    text:
      format === "explicit"
        ? writeExplicit(each.records, { hash: "sha256", platform: each.platform })
        : writeMambajsLock({
            ...each,
            channels: channels.map(({ name, baseUrl }) => ({ name, url: baseUrl })),
          }),
  }));
}

function sourcePath(file: string, { output, cwd }: { output: string; cwd: string }): string {
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(file)) return redactUrl(file);
  return relative(dirname(resolve(cwd, output)), resolve(cwd, file)).replaceAll("\\", "/");
}
