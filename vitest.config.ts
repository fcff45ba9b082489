import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
    globalSetup: ["tests/support/temporary.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is polled for is done by other processes; the default of a second is too short for those on a busy machine.
    expect: { poll: { timeout: 30_000 } },
    pool: "forks",
    // Most tests wait for child processes and disks: one worker a core, not one less.
    maxWorkers: "100%",
    reporters: ["default"],
  },
});
