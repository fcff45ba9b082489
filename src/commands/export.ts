import { UNSET } from "../prefix/state.ts";
import { linkOrder } from "../solve/order.ts";
import { redactUrl } from "../specs/credentials.ts";
import {
  type EnvironmentExport,
  type EnvironmentExportOptions,
  environmentDocument,
  writeEnvironmentYaml,
  writeExplicit,
} from "../specs/export/index.ts";
import type { PrefixRecord } from "../specs/records.ts";
import type { CommandContext } from "./context.ts";
import { list } from "./list.ts";
import { platformOf } from "./solve-change.ts";
import { displayName, type TargetOptions } from "./target.ts";

export interface ExportIntent {
  target: TargetOptions;
  /** Only what the user asked for, as asked. */
  fromHistory: boolean;
  options: EnvironmentExportOptions;
}

export interface ExportResult {
  environment: EnvironmentExport;
  yaml: string;
  document: ReturnType<typeof environmentDocument>;
}

/** An environment as `environment.yml` (CEP 24). */
export async function exportEnvironment(
  intent: ExportIntent,
  context: CommandContext,
): Promise<ExportResult> {
  const { prefix, state, records } = await list(
    { target: intent.target, fullName: false, reverse: false },
    context,
  );
  const shown = records.map((record) => ({ ...record, channel: channelName(record) }));
  const variables = Object.fromEntries(
    Object.entries(state.state.env_vars ?? {}).filter(([, value]) => value !== UNSET),
  );
  const environment: EnvironmentExport = {
    name: displayName(prefix, context.config),
    channels: [...new Set(shown.map((record) => record.channel))],
    dependencies: intent.fromHistory
      ? { specs: [...state.requestedSpecs.values()].flat().sort() }
      : { records: shown },
    variables,
    prefix,
  };
  return {
    environment,
    yaml: writeEnvironmentYaml(environment, intent.options),
    document: environmentDocument(environment, intent.options),
  };
}

/** An environment as an `@EXPLICIT` list (CEP 23), dependencies first. */
export async function exportExplicit(
  target: TargetOptions,
  hash: "md5" | "sha256" | "none",
  context: CommandContext,
): Promise<string> {
  const { records } = await list({ target, fullName: false, reverse: false }, context);
  return writeExplicit(linkOrder(records), { hash, platform: platformOf(context) });
}

/** The short name of a channel where it has one, without secrets. */
export function channelName(record: Pick<PrefixRecord, "channel">): string {
  return redactUrl(record.channel)
    .replace(/\/+$/, "")
    .replace(/^https:\/\/conda\.anaconda\.org\//, "");
}
