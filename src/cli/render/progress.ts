import type { Event, EventSink, Phase } from "../../events.ts";
import { formatBytes, formatSeconds, plural } from "../../util/format.ts";
import { printable, type TerminalFacts } from "../terminal.ts";

export type ProgressMode = "tty" | "plain" | "json" | "none";

/** A reducer over events that draws on stderr. `close` removes what is still drawn. */
export interface ProgressRenderer {
  sink: EventSink;
  close(): void;
}

/** Below this, a plain log gets no further line for a running phase: long downloads still show a sign of life in CI logs. */
const PLAIN_INTERVAL_MS = 10_000;
const REDRAW_INTERVAL_MS = 80;

interface Totals {
  items: number;
  bytes: number;
  done: number;
  received: number;
  started: number;
  current: Map<string, number>;
}

const PHASE_WORDS: Record<Phase, string> = {
  repodata: "Loading channels",
  solve: "Solving",
  fetch: "Downloading and extracting",
  link: "Linking",
  pip: "Installing with pip",
  scripts: "Running link scripts",
};

export function createProgress(
  mode: ProgressMode,
  stream: NodeJS.WritableStream,
  facts: TerminalFacts,
  verbosity = 0,
): ProgressRenderer {
  if (mode === "none") return { sink: warningsOnly(stream, facts), close() {} };
  if (mode === "json") {
    return { sink: (event) => stream.write(`${JSON.stringify(event)}\n`), close() {} };
  }
  return new LineProgress(stream, facts, mode === "tty", verbosity);
}

function warningLines(event: Extract<Event, { type: "warning" }>, facts: TerminalFacts): string {
  const hint = event.hint ? `\n${facts.colors.cyan("hint:")} ${printable(event.hint)}` : "";
  return `${facts.colors.yellow("warning:")} ${printable(event.message)}${hint}`;
}

function warningsOnly(stream: NodeJS.WritableStream, facts: TerminalFacts): EventSink {
  return (event) => {
    if (event.type === "warning") stream.write(`${warningLines(event, facts)}\n`);
  };
}

class LineProgress implements ProgressRenderer {
  private readonly totals = new Map<Phase, Totals>();
  private readonly subdirs = new Map<string, { bytes: number; total: number | undefined }>();
  private compiling: { done: number; total: number } | undefined;
  private phase: Phase | undefined;
  private drawn = false;
  private lastDraw = 0;
  private lastPlain = Date.now();
  private timer: NodeJS.Timeout | undefined;
  private frame = 0;
  private readonly stream: NodeJS.WritableStream;
  private readonly facts: TerminalFacts;
  private readonly live: boolean;
  private readonly verbosity: number;

  constructor(stream: NodeJS.WritableStream, facts: TerminalFacts, live: boolean, verbosity: number) {
    this.stream = stream;
    this.facts = facts;
    this.live = live;
    this.verbosity = verbosity;
  }

  sink = (event: Event): void => {
    this.reduce(event);
    if (this.live) this.redraw();
    else this.plainTick();
  };

  close(): void {
    this.erase();
    if (this.timer) clearInterval(this.timer);
    this.timer = undefined;
  }

  private reduce(event: Event): void {
    const { colors } = this.facts;
    switch (event.type) {
      case "phase":
        if (event.state === "start") this.startPhase(event.phase);
        else this.endPhase(event.phase, event.seconds);
        return;
      case "repodata": {
        const key = `${event.channel}/${event.subdir}`;
        if (event.state === "start" || event.state === "progress") {
          this.subdirs.set(key, { bytes: event.bytes ?? 0, total: event.total });
          return;
        }
        this.subdirs.delete(key);
        const count = event.records === undefined ? "" : `  ${plural(event.records, "record")}`;
        const how =
          event.state === "cached"
            ? "  cached"
            : event.state === "missing"
              ? "  not there"
              : event.bytes
                ? `  ${formatBytes(event.bytes)}`
                : "";
        this.print(`  ${printable(key)}${colors.dim(count + how)}`);
        return;
      }
      case "totals":
        this.of(event.phase).items = event.items;
        this.of(event.phase).bytes = event.bytes;
        return;
      case "fetch":
        this.fetchEvent(event);
        return;
      case "link":
        if (event.state === "start") this.of("link").current.set(event.id, 0);
        else {
          this.of("link").current.delete(event.id);
          this.of("link").done++;
        }
        return;
      case "compile":
        this.compiling = event.state === "done" ? undefined : { done: event.done, total: event.total };
        return;
      case "script":
        this.print(`  ran ${printable(event.action)} script of ${printable(event.id)}`);
        if (event.output?.trim()) this.print(printable(event.output.trim()).replace(/^/gm, "    "));
        return;
      case "warning":
        this.print(warningLines(event, this.facts));
        return;
      case "note":
        this.print(printable(event.message));
        return;
      case "extract":
        if (this.verbosity > 0 && event.state === "done") this.print(`  extracted ${printable(event.id)}`);
        return;
    }
  }

  private fetchEvent(event: Extract<Event, { type: "fetch" }>): void {
    const totals = this.of("fetch");
    switch (event.state) {
      case "start":
        totals.current.set(event.id, 0);
        return;
      case "progress":
        totals.received += (event.bytes ?? 0) - (totals.current.get(event.id) ?? 0);
        totals.current.set(event.id, event.bytes ?? 0);
        return;
      case "retry":
        this.print(
          `${this.facts.colors.yellow("retry:")} ${printable(event.id)}: ${printable(event.reason ?? "the connection failed")}`,
        );
        return;
      case "cached":
      case "done":
        totals.received +=
          (event.bytes ?? totals.current.get(event.id) ?? 0) - (totals.current.get(event.id) ?? 0);
        totals.current.delete(event.id);
        totals.done++;
        if (this.verbosity > 0)
          this.print(`  ${event.state === "done" ? "fetched" : "cached "} ${printable(event.id)}`);
        return;
    }
  }

  private startPhase(phase: Phase): void {
    this.phase = phase;
    this.of(phase).started = Date.now();
    if (!this.live) {
      const totals = this.of(phase);
      const size = totals.items
        ? ` (${plural(totals.items, "package")}${totals.bytes ? `, ${formatBytes(totals.bytes)}` : ""})`
        : "";
      if (phase !== "solve") this.print(`${PHASE_WORDS[phase]}${size} ...`);
      this.lastPlain = Date.now();
      return;
    }
    if (phase === "repodata") this.print(`${PHASE_WORDS[phase]}`);
    this.timer ??= setInterval(() => this.redraw(true), 120);
    this.timer.unref();
  }

  private endPhase(phase: Phase, seconds: number | undefined): void {
    const took = seconds ?? (Date.now() - this.of(phase).started) / 1000;
    const totals = this.of(phase);
    if (phase === "fetch" && totals.done > 0) {
      this.print(
        `${this.facts.colors.green("✔")} Fetched ${plural(totals.done, "package")}${totals.received ? `, ${formatBytes(totals.received)}` : ""} in ${formatSeconds(took)}`,
      );
    } else if (phase === "link" && totals.done > 0) {
      this.print(`${this.facts.colors.green("✔")} Linked in ${formatSeconds(took)}`);
    } else if (phase === "solve") {
      this.print(`${this.facts.colors.green("✔")} Solved in ${formatSeconds(took)}`);
    }
    if (this.phase === phase) this.phase = undefined;
  }

  private of(phase: Phase): Totals {
    let totals = this.totals.get(phase);
    if (!totals) {
      totals = { items: 0, bytes: 0, done: 0, received: 0, started: Date.now(), current: new Map() };
      this.totals.set(phase, totals);
    }
    return totals;
  }

  private print(text: string): void {
    this.erase();
    this.stream.write(`${text}\n`);
    this.lastPlain = Date.now();
  }

  private erase(): void {
    if (!this.drawn) return;
    this.stream.write("\r\x1b[2K");
    this.drawn = false;
  }

  private plainTick(): void {
    const now = Date.now();
    if (!this.phase || now - this.lastPlain < PLAIN_INTERVAL_MS) return;
    const status = this.status();
    if (status) this.print(`  ${status}`);
  }

  private redraw(force = false): void {
    const now = Date.now();
    if (!this.phase || (!force && now - this.lastDraw < REDRAW_INTERVAL_MS)) return;
    this.lastDraw = now;
    const status = this.status();
    if (!status) return;
    const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[this.frame++ % 10]!;
    const line = `${spinner} ${status}`;
    // One column is left free: a full line would wrap and could not be erased.
    const shown =
      line.length >= this.facts.columns ? `${line.slice(0, Math.max(1, this.facts.columns - 2))}…` : line;
    this.stream.write(`\r\x1b[2K${shown}`);
    this.drawn = true;
  }

  /** One line that says what the running phase is at. */
  private status(): string {
    const phase = this.phase!;
    const totals = this.of(phase);
    const names = printable([...totals.current.keys()].slice(0, 4).map(packageName).join(", "));
    if (phase === "repodata") {
      const parts = [...this.subdirs].map(
        ([key, at]) =>
          `${printable(key)} ${formatBytes(at.bytes)}${at.total ? ` of ${formatBytes(at.total)}` : ""}`,
      );
      return `${PHASE_WORDS.repodata}  ${parts.join("  ")}`;
    }
    if (phase === "fetch") {
      const seconds = Math.max(0.001, (Date.now() - totals.started) / 1000);
      const share = totals.bytes ? totals.received / totals.bytes : 0;
      return `${bar(share)} ${totals.done}/${totals.items}  ${formatBytes(totals.received)} of ${formatBytes(totals.bytes)}  ${formatBytes(Math.round(totals.received / seconds))}/s  ${names}`;
    }
    if (phase === "link") {
      if (this.compiling && totals.done >= totals.items)
        return `${bar(this.compiling.done / Math.max(1, this.compiling.total))} Compiling python files ${this.compiling.done}/${this.compiling.total}`;
      return `${bar(totals.done / Math.max(1, totals.items))} ${totals.done}/${totals.items} linked  ${names}`;
    }
    return `${PHASE_WORDS[phase]} ${formatSeconds((Date.now() - totals.started) / 1000)}`;
  }
}

function bar(share: number): string {
  const width = 20;
  const full = Math.max(0, Math.min(width, Math.round(share * width)));
  return `[${"=".repeat(full)}${" ".repeat(width - full)}]`;
}

/** `numpy` of `numpy-2.1.0-py311_0.conda`. */
function packageName(fileName: string): string {
  return fileName.split("-").slice(0, -2).join("-") || fileName;
}
