import { channelNames } from "./channels.ts";
import type { CommandContext } from "./context.ts";
import { newPrefix } from "./create.ts";
import { requireEnvironment, targetContext } from "./environment.ts";
import { gatherInputs, type InputSources } from "./inputs.ts";
import { existingPrefix } from "./install.ts";
import { resolveTarget, type TargetOptions } from "./target.ts";

/** What `target_prefix_checks` is made of: libmamba's flags of what a prefix may or must be. */
const CHECKS = { none: 1, mayExist: 2, mayBeMissing: 4, mayBeNoEnvironment: 8, mustExist: 16 } as const;

export interface RequestToDescribe extends InputSources {
  /** `create` makes an environment, `change` needs one, `remove` too and reads no files, `other` looks for none. */
  kind: "create" | "change" | "remove" | "other";
  target: TargetOptions;
  channels: readonly string[];
}

/**
 * What a command would work on, by micromamba's configuration keys: prefix, specs and channels as they follow from the command
 * line, the files and the configuration. Fails as the command itself would; changes nothing.
 */
export async function describeRequest(
  request: RequestToDescribe,
  context: CommandContext,
): Promise<Record<string, unknown>> {
  const base = {
    root_prefix: context.config.rootPrefix,
    env_name: request.target.name ?? "",
    file_specs: request.files,
    ...fallbacks(request.kind),
  };
  if (request.kind === "other") {
    const prefix = await resolveTarget(request.target, targetContext(context));
    return { ...base, target_prefix: prefix ?? "", specs: request.specs };
  }
  if (request.kind === "remove") {
    const found = await resolveTarget(request.target, targetContext(context));
    // A root prefix counts before anything was installed into it.
    const createMissing = found === context.config.rootPrefix;
    return {
      ...base,
      target_prefix: await requireEnvironment(found, { ...context, createMissing }),
      specs: request.specs,
    };
  }
  const inputs = await gatherInputs(request, context);
  const prefix =
    request.kind === "create"
      ? await newPrefix(request.target, inputs, context)
      : await existingPrefix(request, inputs, context);
  const explicit = inputs.explicit.length + inputs.locked.length > 0;
  return {
    ...base,
    target_prefix: prefix,
    spec_file_env_name: inputs.name ?? "",
    specs: explicit ? inputs.explicit.map((entry) => entry.source) : inputs.specs,
    others_pkg_mgrs_specs: [...inputs.pip, ...inputs.lockedPip],
    explicit_install: explicit,
    channels: channelNames(
      { channels: request.channels, fileChannels: inputs.channels, nodefaults: inputs.nodefaults },
      context,
    ),
  };
}

function fallbacks(kind: RequestToDescribe["kind"]): Record<string, unknown> {
  const checks = {
    create: CHECKS.mayExist | CHECKS.mayBeNoEnvironment,
    change: CHECKS.mayExist | CHECKS.mustExist,
    remove: CHECKS.mayExist | CHECKS.mustExist,
    other: CHECKS.none,
  };
  return {
    use_target_prefix_fallback: kind === "change" || kind === "remove",
    use_default_prefix_fallback: false,
    use_root_prefix_fallback: false,
    target_prefix_checks: checks[kind],
  };
}
