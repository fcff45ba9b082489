/**
 * What happens while a command works, as serialisable values. Commands emit; renderers reduce. Nothing here prints.
 * `--json-events` writes them as NDJSON, so the shapes are public: add keys, never change their meaning.
 */
export type Phase = "repodata" | "solve" | "fetch" | "link" | "pip" | "scripts";

export type Event =
  /** `failed` is there, and true, at the end of a phase that did not do what it was for. */
  | { type: "phase"; phase: Phase; state: "start" | "end"; seconds?: number; failed?: boolean }
  /** One line per channel subdir. `bytes` are received bytes; `total` is unknown without Content-Length. */
  | {
      type: "repodata";
      channel: string;
      subdir: string;
      state: "start" | "progress" | "done" | "cached" | "missing";
      bytes?: number;
      total?: number | undefined;
      records?: number;
    }
  /** `id` is the file name of the archive (`numpy-2.1.0-py311_0.conda`). */
  | {
      type: "fetch";
      id: string;
      state: "start" | "progress" | "retry" | "done" | "cached";
      bytes?: number;
      total?: number;
      reason?: string;
    }
  | { type: "extract"; id: string; state: "start" | "done" }
  | { type: "link"; id: string; state: "start" | "done"; action: "link" | "unlink"; files?: number }
  /** `done` and `total` count noarch python source files. */
  | { type: "compile"; state: "start" | "progress" | "done"; done: number; total: number }
  /** Totals of a phase, known before its first item. */
  | { type: "totals"; phase: Phase; items: number; bytes: number }
  | { type: "script"; id: string; action: string; output?: string }
  | { type: "warning"; code: string; message: string; hint?: string | undefined }
  /** The last event of a command that failed; only written to the event stream, commands throw. */
  | { type: "error"; code: string; message: string; hint?: string | undefined }
  | { type: "note"; message: string };

export type EventSink = (event: Event) => void;

export const ignoreEvents: EventSink = () => {};
