import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { tempDirectory } from "./host.ts";
import { until } from "./wait.ts";

/** Starts a process that looks like a run of PipelineWise in a config directory, and that goes on. Returns its pid. */
export async function startForeign(configDir: string, words: readonly string[], command = "run_tap"): Promise<number> {
  const program = join(tempDirectory(), "pipelinewise");
  writeFileSync(program, "while :; do sleep 0.2; done\n");
  const child = spawn("/bin/sh", [program, command, ...words], {
    env: { PATH: "/usr/bin:/bin", PIPELINEWISE_CONFIG_DIRECTORY: configDir },
    stdio: "ignore",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  // A fork has its parent's arguments until it runs the program.
  await until("the child runs its program", () => readFileSync(`/proc/${child.pid}/cmdline`, "utf8").includes(command));
  return child.pid ?? 0;
}
