import { setTimeout as sleep } from "node:timers/promises";
import type { LockId } from "../command/request.ts";
import { errorCode } from "../errors.ts";
import type { LockView, TokenView } from "../lock/inspect.ts";
import { sinceBootMs } from "../lock/machine.ts";
import { processLives } from "../lock/process-table.ts";
import { readAnswer, removeAnswer, removeRequest, type StopRequest, writeStopRequest } from "../lock/requests.ts";
import type { LockTiming } from "../lock/timing.ts";
import { WAKE_SIGNAL } from "../run/stop-requests.ts";
import type { Control } from "./control.ts";

/** What came of a request: `died` without having carried it out; `silent` it never answered; `busy` it did, and goes on. */
export type Asked = "gone" | "died" | "silent" | "busy";

const POLL_HERE_MS = 100;
const POLL_AWAY_MS = 1_000;
/** A holder looks at each heartbeat; it may miss some. */
const BEATS_TO_ANSWER = 4;
/** Beyond its own two graces, for what SIGKILL cannot end at once. */
const EXTRA_MS = 30_000;

function wake({ pid, startTicks }: TokenView): void {
  if (!processLives(pid, startTicks)) return;
  try {
    process.kill(pid, WAKE_SIGNAL);
  } catch (error) {
    // Another user's: it looks by itself at its next heartbeat.
    if (errorCode(error) !== "ESRCH" && errorCode(error) !== "EPERM") throw error;
  }
}

/** Asks a run's wrapper, on whatever host it is, to stop its pipeline, and stays until its lock is gone. */
export async function askHolder(
  { paths, host, say }: Control,
  pipeline: LockId,
  { lock, view, request, timing }: { lock: LockView; view: TokenView; request: StopRequest; timing: LockTiming },
): Promise<Asked> {
  const here = view.state.kind === "alive";
  const address = { paths, pipeline, token: view.token };
  await writeStopRequest(address, request, host);
  say(`asked pid ${view.pid} on host ${view.holder?.host ?? "(unknown)"} to stop it`);
  let deadline = sinceBootMs() + timing.heartbeatMs * BEATS_TO_ANSWER;
  let told = 0;
  const listen = async () => {
    const steps = await readAnswer(address);
    if (told === 0 && steps.length > 0) deadline = sinceBootMs() + timing.graceMs + timing.killGraceMs + EXTRA_MS;
    for (const step of steps.slice(told)) say(step);
    told = Math.max(told, steps.length);
  };
  try {
    while (await lock.has(view.token)) {
      if (here && !processLives(view.pid, view.startTicks)) return "died";
      await listen();
      if (sinceBootMs() > deadline) return told === 0 ? "silent" : "busy";
      if (here && told === 0) wake(view);
      await sleep(here ? POLL_HERE_MS : POLL_AWAY_MS);
    }
    await listen();
    return "gone";
  } finally {
    // Nobody waits any more: a holder that comes back to life later is not to be surprised by it.
    await removeRequest(address);
    await removeAnswer(address);
  }
}
