import type { Event, EventSink } from "../../events.ts";
import { displayWidth, type TerminalFacts } from "../terminal.ts";
import { ProgressState, warningText } from "./progress-state.ts";

export type ProgressMode = "tty" | "plain" | "json" | "none";

/** A reducer over events that draws on stderr. */
export interface ProgressRenderer {
  sink: EventSink;
  /** Writes a line (or lines) of text above what is drawn. */
  write(text: string): void;
  /** Takes down what is drawn, so that something else can be written; it comes back with the next event. */
  erase(): void;
  /** Removes what is still drawn, for good. */
  close(): void;
}

/** Below this, a log gets no further line for a running phase: long downloads still show a sign of life in CI logs. */
const PLAIN_INTERVAL_MS = 10_000;
const REDRAW_INTERVAL_MS = 80;
const SPIN_INTERVAL_MS = 120;

export function createProgress(
  mode: ProgressMode,
  stream: NodeJS.WritableStream,
  facts: TerminalFacts,
  verbosity = 0,
): ProgressRenderer {
  const idle = { erase() {}, close() {} };
  const write = (text: string) => void stream.write(`${text}\n`);
  if (mode === "none") {
    const sink = (event: Event) => event.type === "warning" && write(warningText(event, facts));
    return { ...idle, sink, write };
  }
  if (mode === "json") {
    const sink = (event: Event) => write(JSON.stringify(event));
    // Every line of the stream stays JSON.
    return { ...idle, sink, write: (text) => sink({ type: "note", message: text.trim() }) };
  }
  return mode === "tty"
    ? new LiveProgress(stream, facts, verbosity)
    : new LogProgress(stream, facts, verbosity);
}

/** Lines that stay, and one every few seconds while a phase takes long. */
class LogProgress implements ProgressRenderer {
  private readonly stream: NodeJS.WritableStream;
  private readonly state: ProgressState;
  private last = Date.now();

  constructor(stream: NodeJS.WritableStream, facts: TerminalFacts, verbosity: number) {
    this.stream = stream;
    this.state = new ProgressState(facts, { verbosity, announce: true, now: Date.now });
  }

  sink = (event: Event): void => {
    for (const line of this.state.reduce(event)) this.write(line);
    if (Date.now() - this.last < PLAIN_INTERVAL_MS) return;
    const status = this.state.status(100);
    if (status) this.write(`  ${status}`);
  };

  write = (text: string): void => {
    this.stream.write(`${text}\n`);
    this.last = Date.now();
  };

  erase(): void {}
  close(): void {}
}

/** One line that is redrawn in place, below the lines that stay. */
class LiveProgress implements ProgressRenderer {
  private readonly stream: NodeJS.WritableStream;
  private readonly facts: TerminalFacts;
  private readonly state: ProgressState;
  /** Width of what is drawn; undefined when nothing is. */
  private drawn: number | undefined;
  private lastDraw = 0;
  private timer: NodeJS.Timeout | undefined;
  private frame = 0;

  constructor(stream: NodeJS.WritableStream, facts: TerminalFacts, verbosity: number) {
    this.stream = stream;
    this.facts = facts;
    this.state = new ProgressState(facts, { verbosity, announce: false, now: Date.now });
  }

  sink = (event: Event): void => {
    for (const line of this.state.reduce(event)) this.write(line);
    if (this.state.phase === undefined) this.close();
    else {
      this.timer ??= setInterval(() => this.draw(), SPIN_INTERVAL_MS);
      this.timer.unref();
      if (Date.now() - this.lastDraw >= REDRAW_INTERVAL_MS) this.draw();
    }
  };

  write = (text: string): void => {
    this.erase();
    this.stream.write(`${text}\n`);
  };

  close(): void {
    this.erase();
    clearInterval(this.timer);
    this.timer = undefined;
  }

  erase(): void {
    if (this.drawn === undefined) return;
    this.stream.write(this.eraser());
    this.drawn = undefined;
  }

  /** Back to the first column of what is drawn; a window that got narrower since has broken it into several rows. */
  private eraser(): string {
    const rows = Math.max(1, Math.ceil((this.drawn ?? 0) / this.columns()));
    return rows > 1 ? `\r\x1b[${rows - 1}A\x1b[J` : "\r\x1b[2K";
  }

  private columns(): number {
    return Math.max(1, this.facts.columns() ?? 80);
  }

  private draw(): void {
    this.lastDraw = Date.now();
    // Two for the spinner; one column is left free, as a full line would wrap.
    const status = this.state.status(Math.max(0, this.columns() - 3));
    if (!status) return;
    const frames = this.facts.unicode ? "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" : "|/-\\";
    const line = `${this.facts.colors.cyan(frames[this.frame++ % frames.length]!)} ${status}`;
    // One write: what is drawn is never seen half.
    this.stream.write((this.drawn === undefined ? "" : this.eraser()) + line);
    this.drawn = 2 + displayWidth(status);
  }
}
