import type { Event, Phase } from "../../events.ts";
import { nameOfDist } from "../../specs/records.ts";
import { formatBytes, formatSeconds, plural } from "../../util/format.ts";
import { clip, displayWidth, printable, type TerminalFacts } from "../terminal.ts";

interface Totals {
  items: number;
  bytes: number;
  done: number;
  received: number;
  started: number;
  /** Received bytes by item, of those that are under way. */
  current: Map<string, number>;
}

const PHASE_WORDS: Record<Phase, string> = {
  repodata: "Loading channels",
  solve: "Solving",
  fetch: "Downloading and extracting",
  link: "Changing the environment",
  pip: "Installing with pip",
  scripts: "Running link scripts",
};

const WIDEST_BAR = 20;
const NARROWEST_BAR = 8;

type Look = Pick<TerminalFacts, "colors" | "unicode">;

export interface ProgressOptions {
  verbosity: number;
  /** A phase is announced when it starts: in a log nothing shows that it runs. */
  announce: boolean;
  now(): number;
}

/** What a command is at, from its events. `reduce` returns the lines to print, `status` the line to show meanwhile. */
export class ProgressState {
  private readonly totals = new Map<Phase, Totals>();
  private readonly subdirs = new Map<string, { bytes: number; total: number | undefined }>();
  private linked = 0;
  private unlinked = 0;
  private compiling: { done: number; total: number } | undefined;
  private readonly look: Look;
  private readonly options: ProgressOptions;
  phase: Phase | undefined;

  constructor(look: Look, options: ProgressOptions) {
    this.look = look;
    this.options = options;
  }

  reduce(event: Event): string[] {
    const { dim } = this.look.colors;
    switch (event.type) {
      case "phase":
        return event.state === "start" ? this.startPhase(event.phase) : this.endPhase(event);
      case "repodata":
        return this.repodataEvent(event);
      case "totals":
        return this.totalsEvent(event);
      case "fetch":
        return this.fetchEvent(event);
      case "link":
        this.linkEvent(event);
        return [];
      case "compile":
        this.compiling = event.state === "done" ? undefined : { done: event.done, total: event.total };
        return [];
      case "script":
        return [
          `  ran ${printable(event.action)} script of ${printable(event.id)}`,
          ...(event.output?.trim() ? [printable(event.output.trim()).replace(/^/gm, "    ")] : []),
        ];
      case "warning":
        return [warningText(event, this.look)];
      case "error":
        return [];
      case "note":
        return [printable(event.message)];
      case "extract":
        return this.options.verbosity > 0 && event.state === "done"
          ? [dim(`  extracted ${printable(event.id)}`)]
          : [];
    }
  }

  private totalsEvent({ phase, items, bytes }: Extract<Event, { type: "totals" }>): string[] {
    const totals = this.of(phase);
    const late = this.phase === phase && totals.items === 0;
    // What was found in a cache until now is none of them.
    Object.assign(totals, { items, bytes, done: 0 });
    return late && this.options.announce ? [this.announcement(phase)] : [];
  }

  private repodataEvent(event: Extract<Event, { type: "repodata" }>): string[] {
    const key = `${event.channel}/${event.subdir}`;
    if (event.state === "start" || event.state === "progress") {
      this.subdirs.set(key, { bytes: event.bytes ?? 0, total: event.total });
      return [];
    }
    this.subdirs.delete(key);
    const parts = [printable(key)];
    // Records are read as names are asked for: none is known of a channel that lacks them.
    if (event.records) parts.push(plural(event.records, "record"));
    if (event.state === "cached") parts.push("cached");
    else if (event.state === "missing") parts.push("not there");
    else if (event.bytes) parts.push(formatBytes(event.bytes));
    const [name, ...rest] = parts;
    return [`  ${name}${this.look.colors.dim(rest.map((part) => `  ${part}`).join(""))}`];
  }

  private linkEvent({ id, state, action }: Extract<Event, { type: "link" }>): void {
    const totals = this.of("link");
    if (state === "start") totals.current.set(id, 0);
    else {
      totals.current.delete(id);
      if (action === "link") this.linked++;
      else this.unlinked++;
    }
    // An upgrade is unlinked and linked, and one step.
    totals.done = Math.min(totals.items, Math.max(this.linked, this.unlinked));
  }

  private fetchEvent(event: Extract<Event, { type: "fetch" }>): string[] {
    const { colors } = this.look;
    const totals = this.of("fetch");
    const before = totals.current.get(event.id) ?? 0;
    switch (event.state) {
      case "start":
        totals.current.set(event.id, 0);
        return [];
      case "progress":
        totals.received += (event.bytes ?? 0) - before;
        totals.current.set(event.id, event.bytes ?? 0);
        return [];
      case "retry":
        return [`${colors.yellow("retry:")} ${printable(retryReason(event))}`];
      case "cached":
      case "done":
        totals.received += (event.bytes ?? before) - before;
        totals.current.delete(event.id);
        // What the cache has is reported before it is known how many are fetched, and is none of them.
        if (this.phase === "fetch" && totals.items > 0) totals.done++;
        return this.options.verbosity > 0
          ? [colors.dim(`  ${event.state === "done" ? "fetched" : "cached "} ${printable(event.id)}`)]
          : [];
    }
  }

  private startPhase(phase: Phase): string[] {
    this.phase = phase;
    const totals = this.of(phase);
    totals.started = this.options.now();
    if (!this.options.announce) return phase === "repodata" ? [PHASE_WORDS[phase]] : [];
    // How much is fetched may only be known when the cache was looked at.
    if (phase === "solve" || (phase === "fetch" && totals.items === 0)) return [];
    return [this.announcement(phase)];
  }

  private announcement(phase: Phase): string {
    const totals = this.of(phase);
    const size = totals.items
      ? ` (${plural(totals.items, "package")}${totals.bytes ? `, ${formatBytes(totals.bytes)}` : ""})`
      : "";
    return `${PHASE_WORDS[phase]}${size} ...`;
  }

  private endPhase({ phase, seconds, failed }: Extract<Event, { type: "phase" }>): string[] {
    if (this.phase === phase) this.phase = undefined;
    // What was not done is not claimed.
    if (failed) return [];
    const totals = this.of(phase);
    const took = seconds ?? (this.options.now() - totals.started) / 1000;
    const done = (text: string, after = "") => [
      `${this.look.colors.green(this.look.unicode ? "✔" : "ok")} ${text} in ${formatSeconds(took)}${after}`,
    ];
    if (phase === "fetch" && totals.done > 0) {
      const rate =
        totals.received && took > 0.5 ? ` (${formatBytes(Math.round(totals.received / took))}/s)` : "";
      const size = totals.received ? `, ${formatBytes(totals.received)}` : "";
      return done(`Fetched ${plural(totals.done, "package")}${size}`, rate);
    }
    if (phase === "link") return done(this.changed());
    if (phase === "solve") return done("Solved");
    return [];
  }

  private changed(): string {
    const { linked, unlinked } = this;
    if (linked === 0 && unlinked > 0) return `Unlinked ${plural(unlinked, "package")}`;
    return `Linked ${plural(linked, "package")}${unlinked ? `, unlinked ${unlinked}` : ""}`;
  }

  private of(phase: Phase): Totals {
    let totals = this.totals.get(phase);
    if (!totals) {
      totals = { items: 0, bytes: 0, done: 0, received: 0, started: this.options.now(), current: new Map() };
      this.totals.set(phase, totals);
    }
    return totals;
  }

  /** One line of at most `columns` columns that says what the running phase is at; empty between phases. */
  status(columns: number): string {
    const { phase } = this;
    if (phase === undefined) return "";
    const totals = this.of(phase);
    const names = [...totals.current.keys()]
      .slice(0, 4)
      .map((file) => nameOfDist(file) || file)
      .join(", ");
    const seconds = Math.max(0.001, (this.options.now() - totals.started) / 1000);
    if (phase === "repodata")
      return this.layout(columns, undefined, [PHASE_WORDS.repodata, ...this.subdirParts()]);
    if (phase === "fetch") {
      const share = totals.bytes ? totals.received / totals.bytes : totals.done / Math.max(1, totals.items);
      const of = totals.bytes ? ` of ${formatBytes(totals.bytes)}` : "";
      const rate = `${formatBytes(Math.round(totals.received / seconds))}/s`;
      return this.layout(columns, share, [
        `${totals.done}/${totals.items}`,
        `${formatBytes(totals.received)}${of}`,
        rate,
        names,
      ]);
    }
    if (phase === "link") {
      const { compiling } = this;
      if (compiling && totals.done >= totals.items)
        return this.layout(columns, compiling.done / Math.max(1, compiling.total), [
          `${compiling.done}/${compiling.total}`,
          "compiling python files",
        ]);
      const linked = `${totals.done}/${totals.items}`;
      return this.layout(columns, totals.done / Math.max(1, totals.items), [linked, "linked", names]);
    }
    return this.layout(columns, undefined, [PHASE_WORDS[phase], formatSeconds(seconds)]);
  }

  private subdirParts(): string[] {
    return [...this.subdirs].map(
      ([key, at]) => `${key} ${formatBytes(at.bytes)}${at.total ? ` of ${formatBytes(at.total)}` : ""}`,
    );
  }

  /** The bar shrinks, then goes, before anything that is written beside it is cut. */
  private layout(columns: number, share: number | undefined, parts: readonly string[]): string {
    const text = parts.filter(Boolean).map(printable).join("  ");
    if (share === undefined) return clip(text, columns, this.look.unicode);
    const important = displayWidth(parts.slice(0, 2).join("  "));
    const room = Math.min(WIDEST_BAR, columns - important - 3);
    const drawn = room >= NARROWEST_BAR ? `${this.bar(share, room)} ` : "";
    return clip(drawn + text, columns, this.look.unicode);
  }

  private bar(share: number, width: number): string {
    const inner = width - 2;
    const full = Math.max(0, Math.min(inner, Math.round((share || 0) * inner)));
    return `[${"=".repeat(full)}${" ".repeat(inner - full)}]`;
  }
}

export function warningText(
  event: Extract<Event, { type: "warning" }>,
  { colors }: Pick<Look, "colors">,
): string {
  const hint = event.hint ? `\n${colors.cyan("hint:")} ${printable(event.hint)}` : "";
  return `${colors.yellow("warning:")} ${printable(event.message)}${hint}`;
}

/** Many reasons name the package themselves. */
function retryReason({
  id,
  reason = "the connection failed",
}: {
  id: string;
  reason?: string | undefined;
}): string {
  return reason.includes(`\`${id}\``) ? reason : `${id}: ${reason}`;
}
