import { defineConfig } from "vitest/config";

/** Tests against the PipelineWise that is on the PATH; skipped where there is none. */
export default defineConfig({
  test: {
    include: ["test/pipelinewise/**/*.test.ts"],
    reporters: ["verbose"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    fileParallelism: false,
    passWithNoTests: false,
  },
});
