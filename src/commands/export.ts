import { UNSET } from "../prefix/state.ts";
import { redactUrl } from "../specs/credentials.ts";
import {
  type EnvironmentExport,
  type EnvironmentExportOptions,
  environmentDocument,
  writeEnvironmentYaml,
} from "../specs/export/index.ts";
import { type MatchSpec, tryParseMatchSpec } from "../specs/match-spec.ts";
import type { PrefixRecord, RepoDataRecord } from "../specs/records.ts";
import { trimTrailingSlashes } from "../specs/slashes.ts";
import type { CommandContext } from "./context.ts";
import { type ListResult, list } from "./list.ts";
import { displayName, type TargetOptions } from "./target.ts";

export interface ExportIntent {
  target: TargetOptions;
  /** Only what the user asked for, as asked. */
  fromHistory?: boolean;
  /** Channels to name first. */
  channels?: readonly string[] | undefined;
  /** Name no other channels than those. */
  overrideChannels?: boolean | undefined;
  options?: EnvironmentExportOptions;
  /** Hashes of an explicit list; default sha256. */
  hash?: "md5" | "sha256" | "none" | undefined;
}

export interface ExportResult {
  installed: ListResult;
  environment: EnvironmentExport;
  yaml: string;
  document: ReturnType<typeof environmentDocument>;
}

/** An environment as `environment.yml` (CEP 24), with what pip installed. */
export async function exportEnvironment(
  intent: ExportIntent,
  context: CommandContext,
): Promise<ExportResult> {
  const installed = await list({ target: intent.target, pip: true }, context);
  const { prefix, state, records, pip } = installed;
  const shown = records.map((record) => ({ ...record, channel: channelName(record) }));
  const variables = Object.fromEntries(
    Object.entries(state.state.env_vars ?? {}).filter(([, value]) => value !== UNSET),
  );
  const used = intent.overrideChannels
    ? []
    : channelsInOrder(
        shown.map(({ channel }) => channel),
        context,
      );
  const environment: EnvironmentExport = {
    name: nameOf(prefix, context),
    channels: [...new Set([...(intent.channels ?? []), ...used])],
    dependencies: intent.fromHistory ? { specs: requestedSpecs(state) } : { records: shown },
    ...(intent.fromHistory ? {} : { pip: pip.map(({ name, version }) => `${name}==${version}`) }),
    variables,
    prefix,
  };
  return {
    installed,
    environment,
    yaml: writeEnvironmentYaml(environment, intent.options ?? {}),
    document: environmentDocument(environment, intent.options ?? {}),
  };
}

/** What the user asked for, as the history says it. */
export function requestedSpecs({ requestedSpecs }: ListResult["state"]): string[] {
  return [...requestedSpecs.values()].flat().map(historySpec).sort();
}

/** A path is no name: a file that had it as one could not be read again. */
function nameOf(prefix: string, context: CommandContext): string | undefined {
  const name = displayName(prefix, context.config);
  return name === prefix ? undefined : name;
}

/** What a change would make of an environment, as a file would say it. */
export function solvedEnvironment(
  records: readonly RepoDataRecord[],
  { name, prefix }: { name: string | undefined; prefix: string },
  context: CommandContext,
): EnvironmentExport {
  const shown = records.map((record) => ({ ...record, channel: channelName(record) }));
  return {
    name: name ?? nameOf(prefix, context),
    channels: channelsInOrder(
      shown.map(({ channel }) => channel),
      context,
    ),
    dependencies: { records: shown },
  };
}

/** Channels that packages came from, those of the configuration in its order: that is the priority they were installed with. */
function channelsInOrder(channels: readonly string[], context: CommandContext): string[] {
  const used = new Set(channels.filter((channel) => channel !== "" && channel !== "<unknown>"));
  const configured = context.config.channels.filter((channel) => used.has(channel));
  return [...new Set([...configured, ...used])];
}

/** A requested spec without credentials that its channel may have held. */
function historySpec(text: string): string {
  const spec: MatchSpec | undefined = tryParseMatchSpec(text);
  return spec?.url === undefined ? text : redactUrl(text);
}

/** The short name of a channel where it has one, without secrets. */
export function channelName(record: Pick<PrefixRecord, "channel">): string {
  return trimTrailingSlashes(redactUrl(record.channel)).replace(/^https:\/\/conda\.anaconda\.org\//, "");
}
