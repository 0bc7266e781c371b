import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/pipelinewise/**"],
          restoreMocks: true,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Real daemons: one file after the other, so that each has both cores to itself.
        test: {
          name: "system",
          include: ["verification/**/*.test.ts"],
          exclude: ["verification/nfs/**"],
          globalSetup: ["verification/rig/setup.ts"],
          fileParallelism: false,
          testTimeout: 330_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Guest machines that share a file server, one laboratory at a time.
        test: {
          name: "nfs",
          include: ["verification/nfs/**/*.test.ts"],
          globalSetup: ["verification/rig/setup.ts"],
          fileParallelism: false,
          testTimeout: 330_000,
          hookTimeout: 60_000,
        },
      },
      {
        // The PipelineWise on the PATH; skipped where there is none.
        test: {
          name: "pipelinewise",
          include: ["test/pipelinewise/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
