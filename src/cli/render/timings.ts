import type { Event, Phase } from "../../events.ts";
import type { Session } from "../session.ts";
import { renderTable } from "./table.ts";

/** Seconds of the phases that a command went through, in order; `start` is until it could begin, `other` what is in no phase. */
type Timings = Partial<Record<"start" | Phase | "other" | "total", number>>;

/**
 * The session of a command that tells where its time went (`--timings`): on stderr when it ends, well or not, and as a key of its
 * JSON document. Waiting for an answer is in `other`.
 */
export function withTimings(session: Session): Session {
  const { events } = session.context;
  const start = performance.now() / 1000;
  const phases: Timings = {};
  const note = (event: Event): void => {
    if (event.type === "phase" && event.seconds !== undefined)
      phases[event.phase] = (phases[event.phase] ?? 0) + event.seconds;
    events(event);
  };
  const read = (): Timings => {
    const total = performance.now() / 1000;
    const known = Object.values(phases).reduce((sum, seconds) => sum + seconds, start);
    return rounded({ start, ...phases, other: Math.max(0, total - known), total });
  };
  return {
    ...session,
    context: { ...session.context, events: note },
    printJson: (value) => session.printJson({ ...(value as object), timings: read() }),
    close: async () => {
      await session.close();
      const text = `\n${tableOf(read()).join("\n")}`;
      // Every line of an event stream is JSON.
      if (session.config.values.progress === "json") events({ type: "note", message: text.trim() });
      else process.stderr.write(`${text}\n`);
    },
  };
}

function rounded(timings: Timings): Timings {
  return Object.fromEntries(
    Object.entries(timings).map(([name, seconds]) => [name, Math.round(seconds * 1000) / 1000]),
  );
}

function tableOf(timings: Timings): string[] {
  return renderTable(
    [{ title: "Phase" }, { title: "Time", align: "right" }],
    Object.entries(timings).map(([name, seconds]) => [name, `${seconds.toFixed(2)} s`]),
  );
}
