import { describe, expect, it } from "vitest";
import { settleAll } from "../../src/util/settle.ts";

describe("settleAll", () => {
  it("gives the values in order", async () => {
    expect(await settleAll([Promise.resolve(1), Promise.resolve(2)])).toEqual([1, 2]);
  });

  it("throws the first error in time, and only when all have ended", async () => {
    let ended = false;
    let told: unknown;
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = gate.then(() => {
      ended = true;
      throw new Error("later");
    });
    const done = settleAll([slow, Promise.reject(new Error("first"))], (error) => {
      told = error;
      release();
    });
    await expect(done).rejects.toThrow("first");
    expect(ended).toBe(true);
    expect(told).toMatchObject({ message: "first" });
  });
});
