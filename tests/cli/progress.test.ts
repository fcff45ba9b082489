import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createProgress } from "../../src/cli/render/progress.ts";
import { ProgressState } from "../../src/cli/render/progress-state.ts";
import {
  clip,
  displayWidth,
  padEnd,
  printable,
  type TerminalFacts,
  terminalFacts,
} from "../../src/cli/terminal.ts";
import type { Event, Phase } from "../../src/events.ts";

const PLAIN = { bold: String, dim: String, red: String, green: String, yellow: String, cyan: String };
const facts = (columns: number, unicode = true): TerminalFacts => ({
  interactive: true,
  unicode,
  colors: PLAIN,
  columns: () => columns,
});

/** A stream that keeps what a terminal of so many columns would show: carriage returns, erasing, moving up, wrapping. */
function screen(columns: number) {
  const rows: string[] = [""];
  let row = 0;
  let column = 0;
  const put = (char: string) => {
    if (column >= columns) {
      row++;
      column = 0;
      rows[row] ??= "";
    }
    rows[row] = rows[row]!.padEnd(column).slice(0, column) + char + rows[row]!.slice(column + 1);
    column++;
  };
  const write = (text: string): boolean => {
    for (const [part] of text.matchAll(/\x1b\[(\d*)([A-Za-z])|./gsu)) {
      const code = /^\x1b\[(\d*)([A-Za-z])$/.exec(part);
      if (code?.[2] === "K") rows[row] = "";
      else if (code?.[2] === "A") row -= Number(code[1]);
      else if (code?.[2] === "J") rows.splice(row, rows.length, "");
      else if (part === "\r") column = 0;
      else if (part === "\n") {
        row++;
        column = 0;
        rows[row] ??= "";
      } else put(part);
    }
    return true;
  };
  return { stream: { write } as unknown as NodeJS.WritableStream, text: () => rows.join("\n").trimEnd() };
}

const started = (phase: Phase): Event => ({ type: "phase", phase, state: "start" });
const fetching = (items: number, bytes: number): Event[] => [
  { type: "totals", phase: "fetch", items, bytes },
  started("fetch"),
];

describe("the live line", () => {
  it("never takes more columns than there are, however wide its letters", () => {
    const id = fc.string({ unit: "grapheme", maxLength: 60 }).map((name) => `${name}-1.0-0.conda`);
    const event: fc.Arbitrary<Event> = fc.oneof(
      fc.record({
        type: fc.constant("fetch" as const),
        id,
        state: fc.constantFrom("start" as const, "progress" as const, "done" as const),
        bytes: fc.nat(1e9),
      }),
      fc.record({
        type: fc.constant("link" as const),
        id,
        state: fc.constantFrom("start" as const, "done" as const),
        action: fc.constant("link" as const),
      }),
      fc.record({
        type: fc.constant("phase" as const),
        phase: fc.constantFrom<Phase>("repodata", "solve", "fetch", "link", "pip"),
        state: fc.constant("start" as const),
      }),
      fc.record({
        type: fc.constant("repodata" as const),
        channel: id,
        subdir: fc.constant("noarch"),
        state: fc.constant("progress" as const),
        bytes: fc.nat(1e8),
        total: fc.nat(1e8),
      }),
      fc.record({
        type: fc.constant("totals" as const),
        phase: fc.constantFrom<Phase>("fetch", "link"),
        items: fc.nat(100),
        bytes: fc.nat(1e9),
      }),
    );
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 12 }),
        fc.integer({ min: 0, max: 120 }),
        fc.boolean(),
        (events, columns, unicode) => {
          const state = new ProgressState(
            { colors: PLAIN, unicode },
            { verbosity: 0, announce: false, now: () => 0 },
          );
          for (const one of events) state.reduce(one);
          const line = state.status(columns);
          expect(displayWidth(line)).toBeLessThanOrEqual(columns);
          expect(line).not.toMatch(/[\n\r\x1b]/);
        },
      ),
    );
  });

  it("is taken away before what stays, of which nothing is lost", () => {
    const { stream, text } = screen(60);
    const progress = createProgress("tty", stream, facts(60));
    for (const event of fetching(2, 1000)) progress.sink(event);
    progress.sink({ type: "fetch", id: "a-1-0.conda", state: "start" });
    progress.sink({ type: "warning", code: "x", message: "first", hint: "do this" });
    progress.sink({ type: "fetch", id: "a-1-0.conda", state: "progress", bytes: 500 });
    progress.sink({ type: "warning", code: "x", message: "second" });
    progress.write("said");
    progress.close();
    expect(text()).toBe("warning: first\nhint: do this\nwarning: second\nsaid");
  });

  it("leaves nothing behind when the window got narrower under it", () => {
    let columns = 60;
    const narrow = screen(20);
    const progress = createProgress("tty", narrow.stream, { ...facts(60), columns: () => columns });
    for (const event of fetching(3, 3_000_000)) progress.sink(event);
    // Drawn for 60 columns, shown in 20.
    columns = 20;
    progress.close();
    expect(narrow.text()).toBe("");
  });

  it("drops the bar before the numbers", () => {
    const state = new ProgressState(
      { colors: PLAIN, unicode: true },
      { verbosity: 0, announce: false, now: () => 0 },
    );
    for (const event of fetching(12, 5_000_000)) state.reduce(event);
    state.reduce({ type: "fetch", id: "numpy-2.1.0-0.conda", state: "progress", bytes: 2_500_000 });
    expect(state.status(80)).toBe("[=========         ] 0/12  2.5 MB of 5.0 MB  2.5 GB/s  numpy");
    expect(state.status(38)).toBe("[======     ] 0/12  2.5 MB of 5.0 MB …");
    expect(state.status(24)).toBe("0/12  2.5 MB of 5.0 MB …");
  });
});

describe("the log", () => {
  const run = (events: Event[], mode: "plain" | "none" | "json") => {
    const { stream, text } = screen(1000);
    const progress = createProgress(mode, stream, { ...facts(80), interactive: false });
    for (const event of events) progress.sink(event);
    progress.close();
    return text();
  };
  const events: Event[] = [
    ...fetching(2, 1500),
    { type: "fetch", id: "a-1-0.conda", state: "start" },
    { type: "fetch", id: "a-1-0.conda", state: "retry", reason: "connection reset" },
    { type: "fetch", id: "a-1-0.conda", state: "retry", reason: "`a-1-0.conda` is damaged" },
    { type: "fetch", id: "a-1-0.conda", state: "done", bytes: 1000 },
    { type: "fetch", id: "b-1-0.conda", state: "done", bytes: 500 },
    { type: "phase", phase: "fetch", state: "end", seconds: 0.2 },
    { type: "warning", code: "w", message: "odd\x1b[31m" },
  ];

  it("has totals, retries and results, and no escape sequences", () => {
    expect(run(events, "plain")).toBe(
      [
        "Downloading and extracting (2 packages, 1.5 kB) ...",
        "retry: a-1-0.conda: connection reset",
        "retry: `a-1-0.conda` is damaged",
        "✔ Fetched 2 packages, 1.5 kB in 0.2 s",
        "warning: odd\uFFFD[31m",
      ].join("\n"),
    );
  });

  it("counts what is fetched when that is only known after a look at the cache", () => {
    const late: Event[] = [
      { type: "phase", phase: "fetch", state: "start" },
      { type: "fetch", id: "c-1-0.conda", state: "cached" },
      { type: "totals", phase: "fetch", items: 1, bytes: 0 },
      { type: "fetch", id: "a-1-0.conda", state: "done", bytes: 1000 },
      { type: "phase", phase: "fetch", state: "end", seconds: 0.2 },
    ];
    expect(run(late, "plain")).toBe(
      "Downloading and extracting (1 package) ...\n✔ Fetched 1 package, 1.0 kB in 0.2 s",
    );
    expect(run([...late.slice(0, 2), ...late.slice(4)], "plain")).toBe("");
  });

  it("is only warnings with none, and one JSON value a line with json", () => {
    expect(run(events, "none")).toBe("warning: odd\uFFFD[31m");
    expect(
      run(events, "json")
        .split("\n")
        .map((line) => JSON.parse(line) as Event),
    ).toEqual(events);
  });

  it("claims nothing of a phase that failed", () => {
    const failed: Event = { type: "phase", phase: "fetch", state: "end", seconds: 1, failed: true };
    expect(run([...events.slice(0, 5), failed], "plain")).not.toContain("Fetched");
  });
});

describe("what a terminal can show", () => {
  const tty = { isTTY: true, columns: 33 } as NodeJS.WriteStream;
  const pipe = { isTTY: false } as NodeJS.WriteStream;
  const colored = (stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv) =>
    terminalFacts(stream, env).colors.red("x") !== "x";

  it("follows NO_COLOR, FORCE_COLOR, TERM and CI", () => {
    expect([colored(tty, {}), colored(pipe, {})]).toEqual([true, false]);
    expect([colored(tty, { NO_COLOR: "1" }), colored(tty, { TERM: "dumb" })]).toEqual([false, false]);
    expect([colored(pipe, { FORCE_COLOR: "1" }), colored(tty, { NO_COLOR: "" })]).toEqual([true, true]);
    expect(terminalFacts(tty, {}).interactive).toBe(true);
    for (const env of [{ CI: "1" }, { TERM: "dumb" }])
      expect(terminalFacts(tty, env).interactive).toBe(false);
    expect(terminalFacts(pipe, {}).columns()).toBeUndefined();
  });

  it("reads the width when it is needed", () => {
    const stream = { isTTY: true, columns: 33 } as NodeJS.WriteStream & { columns: number };
    const { columns } = terminalFacts(stream, {});
    expect(columns()).toBe(33);
    stream.columns = 20;
    expect(columns()).toBe(20);
  });

  it("is ASCII where the locale says so", () => {
    expect(terminalFacts(tty, { LANG: "de_DE.ISO-8859-1" }).unicode).toBe(false);
    expect(terminalFacts(tty, { LANG: "de_DE.UTF-8" }).unicode).toBe(true);
    const state = new ProgressState(
      { colors: PLAIN, unicode: false },
      { verbosity: 0, announce: true, now: () => 0 },
    );
    expect(state.reduce({ type: "phase", phase: "solve", state: "end", seconds: 1 })).toEqual([
      "ok Solved in 1.0 s",
    ]);
  });
});

describe("widths", () => {
  it("counts wide letters twice and combining ones not at all", () => {
    expect(["abc", "日本", "e\u0301", "👍", ""].map(displayWidth)).toEqual([3, 4, 1, 2, 0]);
    expect(padEnd("日本", 6)).toBe("日本  ");
    expect(clip("日本語", 5)).toBe("日本…");
    expect(clip("日本語", 4)).toBe("日…");
    expect(clip("abcdef", 3, false)).toBe("ab.");
  });

  it("cuts any text to any width", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(30), (text, columns) => {
        expect(displayWidth(clip(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });

  it("lets nothing through that steers the terminal or turns the writing", () => {
    expect(printable("a\n ::add-mask::b\n##[c]\nd:: e")).toBe("a\uFFFD::add-mask::b\uFFFD##[c]\nd:: e");
    expect(printable("a\x1b]0;x\x07\u202eb\r\u2066c")).toBe("a\uFFFD]0;x\uFFFD\uFFFDb\uFFFD\uFFFDc");
  });
});
