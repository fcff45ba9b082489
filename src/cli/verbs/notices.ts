import { notices } from "../../commands/notices.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, list } from "../invocation.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const found = await notices(list(invocation, "channel"), session.context);
  session.settle();
  const time = (at: number | undefined) => (at ? new Date(at).toISOString() : null);
  if (session.json) {
    session.printJson({
      notices: found.map(({ channel, created_at, expires_at, ...notice }) => ({
        ...notice,
        channel_name: channel,
        created_at: time(created_at),
        expired_at: time(expires_at),
      })),
    });
    return EXIT.ok;
  }
  if (invocation.name === "conda") session.say("Retrieving notices: done");
  if (found.length === 0) session.say("There are no notices to show.");
  const { colors } = session.out;
  const paint = { info: colors.cyan, warning: colors.yellow, critical: colors.red };
  for (const { channel, level, message, created_at } of found)
    session.print(
      `${colors.bold(channel)} ${paint[level](level)}${created_at ? ` ${time(created_at)!.slice(0, 10)}` : ""}\n  ${message.replaceAll("\n", "\n  ")}\n`,
    );
  return EXIT.ok;
}
