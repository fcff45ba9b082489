import type { EventSink } from "../../events.ts";
import type { TerminalFacts } from "../terminal.ts";
import { ProgressState } from "./progress-state.ts";

/** What -vvv would have told before an error (`log_backtrace`). */
export interface Backtrace {
  sink: EventSink;
  /** The last lines, oldest first. */
  lines(): readonly string[];
}

/** Keeps the last `size` lines. */
export function keepBacktrace(size: number, facts: TerminalFacts): Backtrace {
  const state = new ProgressState(facts, { verbosity: 3, announce: true, now: Date.now });
  const kept: string[] = [];
  return {
    sink: (event) => {
      kept.push(...state.reduce(event).flatMap((text) => text.split("\n")));
      kept.splice(0, kept.length - size);
    },
    lines: () => kept,
  };
}
