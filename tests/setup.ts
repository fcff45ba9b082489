import fc from "fast-check";

/**
 * Property tests try the same cases in every run, so that a red run is about the change at hand. To look for new ones:
 * TAIPAN_SEED=random npm test (a failure names its seed).
 */
const chosen = process.env["TAIPAN_SEED"];
if (chosen !== "random")
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(chosen ?? 20_261_123) });
