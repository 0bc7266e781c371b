import { defineConfig } from "vitest/config";

/** Tests on real daemons: one file after the other, as each has the whole machine's two cores to itself. */
export default defineConfig({
  test: {
    include: ["verification/**/*.test.ts"],
    globalSetup: ["verification/rig/setup.ts"],
    fileParallelism: false,
    reporters: ["verbose"],
    testTimeout: 330_000,
    hookTimeout: 60_000,
  },
});
