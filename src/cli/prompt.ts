import { createInterface } from "node:readline/promises";

/** Asks on stderr; an empty answer is yes. Only called where stdin is a terminal. */
export async function askYesNo(
  question: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<boolean> {
  const ask = createInterface({ input, output });
  try {
    for (;;) {
      const answer = (await ask.question(`${question} [Y/n] `, { signal })).trim().toLowerCase();
      if (answer === "" || answer === "y" || answer === "yes") return true;
      if (answer === "n" || answer === "no") return false;
    }
  } finally {
    ask.close();
  }
}
