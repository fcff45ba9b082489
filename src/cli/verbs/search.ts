import { search } from "../../commands/search.ts";
import { EXIT } from "../exit-codes.ts";
import { type Invocation, list } from "../invocation.ts";
import { packageDocument } from "../render/json.ts";
import { shortChannel } from "../render/plan.ts";
import { renderTable } from "../render/table.ts";
import type { Session } from "../session.ts";

export async function run(invocation: Invocation, session: Session): Promise<number> {
  const result = await search(
    { specs: invocation.args, channels: list(invocation, "channel") },
    session.context,
  );
  session.settle();
  const none = `No entries matching "${result.query}" found`;
  if (session.json) {
    session.printJson({
      query: { query: result.query, type: "search" },
      result: {
        msg: result.records.length ? "" : none,
        pkgs: result.records.map(packageDocument),
        status: "OK",
      },
    });
    return EXIT.ok;
  }
  if (result.records.length === 0) {
    session.say(none);
    if (result.similar.length)
      session.say(`hint: did you mean ${result.similar.map((name) => `\`${name}\``).join(", ")}?`);
    return EXIT.failure;
  }
  const rows = result.records.map((record) => [
    record.name,
    record.version,
    record.build,
    shortChannel(record),
  ]);
  session.print(
    renderTable(
      [{ title: "Name" }, { title: "Version" }, { title: "Build" }, { title: "Channel" }],
      rows,
    ).join("\n"),
  );
  return EXIT.ok;
}
