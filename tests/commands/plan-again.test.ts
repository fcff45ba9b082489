import { expect, test } from "vitest";
import { planAgain } from "../../src/commands/plan-again.ts";
import { ToolError } from "../../src/errors.ts";
import type { Event } from "../../src/events.ts";

/** Runs a change that fails with these messages in turn, and then does not. */
async function run(
  messages: readonly string[],
  code: "environment-changed" | "locked" = "environment-changed",
) {
  const events: Event[] = [];
  const abort = new AbortController();
  const left = [...messages];
  const result = await planAgain(
    { events: (event) => events.push(event), signal: abort.signal },
    async () => {
      const message = left.shift();
      if (message !== undefined) throw new ToolError(code, message);
      return "done";
    },
  ).catch((error: Error) => error.message);
  return { result, left, told: events.flatMap((event) => ("message" in event ? [event.message] : [])) };
}

test("a plan for an environment that is another one by now is made again, as often as there is something new", async () => {
  expect(await run(["a came", "b came", "c went"])).toEqual({
    result: "done",
    left: [],
    told: ["a came: planning again", "b came: planning again", "c went: planning again"],
  });
});

test("the same twice was not done meanwhile, and other failures stay", async () => {
  expect(await run(["a came", "a came", "a came"])).toMatchObject({ result: "a came", left: ["a came"] });
  expect(await run(["held"], "locked")).toMatchObject({ result: "held", told: [] });
});
