import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { requestsDir } from "../../src/storage/paths.ts";
import { isRunning } from "../support/processes.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { pidIn } from "../support/wait.ts";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const ready = isRoot && existsSync("/usr/bin/setpriv") && existsSync("dist/run.cjs");

test.skipIf(!ready)("root stops the run of another user, who can read root's request", async () => {
  const { host, home, paths, file, records } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
  // A copy, as the checkout may lie where only root may look.
  for (const part of ["bin", "dist"]) cpSync(part, join(home, "program", part), { recursive: true });
  const program = join(home, "program", "bin", "pipelinewise-sched.cjs");
  execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, home]);
  const words = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", process.execPath, program, "run"];
  const wrapper = spawn("/usr/bin/setpriv", [...words, ...PAIR_WORDS], {
    env: { ...host.env },
    cwd: home,
    stdio: "ignore",
  });
  onTestFinished(() => void wrapper.kill("SIGKILL"));
  const ended = once(wrapper, "exit");
  const tooEarly = ended.then(([code]) => Promise.reject(new Error(`the run ended at once, with ${code}`)));
  const leader = await Promise.race([pidIn(file("leader")), tooEarly]);
  // A process of its own, as root becomes the other user for good.
  execFileSync(process.execPath, [program, "stop", ...PAIR_WORDS], { env: { ...host.env }, cwd: home });
  expect(await ended).toEqual([143, null]);
  expect(isRunning(leader)).toBe(false);
  expect(await records()).toMatchObject([{ outcome: "stopped" }]);
  const directory = requestsDir(paths, { tap: "microserv_1", target: "redshift", dataDiff: false });
  expect(readdirSync(directory)).toEqual([]);
  expect(statSync(directory).uid).toBe(NOBODY);
});
