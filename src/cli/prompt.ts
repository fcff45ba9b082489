import { createInterface } from "node:readline";

export interface Question {
  /** Written before every try. */
  prompt: string;
  input: NodeJS.ReadableStream;
  output: NodeJS.WritableStream;
  signal: AbortSignal;
  /** The answer when the input ends without one: false at a terminal (Ctrl-D). */
  atEnd: boolean;
}

/** Asks until the answer is one; an empty line is yes, a question that cannot be shown a no. Rejects with the signal's AbortError. */
export function askYesNo({ prompt, input, output, signal, atEnd }: Question): Promise<boolean> {
  if ((input as { readableEnded?: boolean }).readableEnded) return Promise.resolve(atEnd);
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input, output });
    const settle = (action: () => void) => {
      signal.removeEventListener("abort", abort);
      output.removeListener("error", unseen);
      lines.removeAllListeners("close");
      lines.close();
      action();
    };
    const abort = () => settle(() => reject(new DOMException("interrupted", "AbortError")));
    signal.addEventListener("abort", abort, { once: true });
    const unseen = () => settle(() => resolve(false));
    output.once("error", unseen);
    lines.on("close", () => {
      // Ctrl-D leaves the cursor behind the question.
      if (prompt) output.write("\n");
      settle(() => resolve(atEnd));
    });
    // At a terminal readline takes Ctrl-C for itself.
    lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    lines.on("line", (line) => {
      const answer = line.trim().toLowerCase();
      if (["", "y", "yes"].includes(answer)) settle(() => resolve(true));
      else if (["n", "no"].includes(answer)) settle(() => resolve(false));
      else output.write(prompt);
    });
    if (signal.aborted) abort();
    else output.write(prompt);
  });
}
