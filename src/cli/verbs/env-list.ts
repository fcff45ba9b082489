import type { CommandContext } from "../../commands/context.ts";
import { environmentSize } from "../../commands/environment-size.ts";
import { describeEnvironment, isActive, knownEnvironments } from "../../commands/environments.ts";
import { displayName } from "../../commands/target.ts";
import { formatBytes } from "../../util/format.ts";
import { EXIT } from "../exit-codes.ts";
import { flag, type Invocation } from "../invocation.ts";
import { type Column, renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  await printEnvironments(await knownEnvironments(session.context), flag(invocation, "size"), session);
  return EXIT.ok;
}

export async function printEnvironments(
  prefixes: readonly string[],
  withSizes: boolean,
  session: Session,
): Promise<void> {
  const { context } = session;
  if (session.json) {
    const details = await environmentDetails(prefixes, withSizes, context);
    session.printJson({ envs: prefixes, envs_details: details });
    return;
  }
  const sizes = withSizes ? await sizesOf(prefixes, context) : new Map<string, number>();
  if (context.dialect === "conda") {
    const frozen = new Set<string>();
    for (const prefix of prefixes)
      if ((await describeEnvironment(prefix, context)).frozen) frozen.add(prefix);
    session.print(condaLines(prefixes, { frozen, sizes }, session).join("\n"));
    return;
  }
  const rows = prefixes.map((prefix) => {
    const name = displayName(prefix, session.config.values);
    const size = withSizes ? [formatBytes(sizes.get(prefix) ?? 0)] : [];
    return [name === prefix ? "" : name, isActive(prefix, context.env) ? "*" : "", ...size, prefix];
  });
  const size: Column[] = withSizes ? [{ title: "Size", align: "right" }] : [];
  const columns: Column[] = [{ title: "Name" }, { title: "Active" }, ...size, { title: "Path" }];
  session.print(renderTable(columns, rows, { available: session.out.columns(), dispensable: [] }).join("\n"));
}

/** conda's facts of each environment, by its path. */
export async function environmentDetails(
  prefixes: readonly string[],
  withSizes: boolean,
  context: CommandContext,
): Promise<Record<string, unknown>> {
  const sizes = withSizes ? await sizesOf(prefixes, context) : new Map<string, number>();
  const details = await Promise.all(
    prefixes.map(async (prefix) => {
      const size = sizes.get(prefix);
      const known = await describeEnvironment(prefix, context);
      return [prefix, size === undefined ? known : { ...known, size }] as const;
    }),
  );
  return Object.fromEntries(details);
}

/** Bytes of each environment, one after the other: each is a walk over all its files. */
async function sizesOf(prefixes: readonly string[], context: CommandContext): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const prefix of prefixes) sizes.set(prefix, await environmentSize(prefix, context));
  return sizes;
}

/** conda's own text, which programs split at spaces: the name first, the path last. */
function condaLines(
  prefixes: readonly string[],
  { frozen, sizes }: { frozen: ReadonlySet<string>; sizes: ReadonlyMap<string, number> },
  session: Session,
): string[] {
  const rows = prefixes.map((prefix) => {
    const name = displayName(prefix, session.config.values);
    const bytes = sizes.get(prefix);
    const size = bytes === undefined ? "" : ` ${formatBytes(bytes).replace("kB", "KB").padStart(9)} `;
    const mark = isActive(prefix, session.context.env) ? "*" : frozen.has(prefix) ? "+" : " ";
    return `${(name === prefix ? "" : name).padEnd(23)} ${mark}${size} ${prefix}`;
  });
  return ["", "# conda environments:", "#", "# * -> active", "# + -> frozen", ...rows, ""];
}
