import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runMain } from "../../../src/cli/run-command.ts";
import { openSlots } from "../../../src/slots/store.ts";
import { HOUR_MS } from "../../../src/time-units.ts";
import { anEntry, looseLocks, PAIR_WORDS, sandbox } from "../../support/sandbox.ts";
import { untilFile } from "../../support/wait.ts";
import { OTHER_STARTS } from "./other-starts.ts";
import {
  type Ending,
  LABEL,
  MODES,
  type Mode,
  NOW,
  OTHER_TAP,
  OUTCOMES,
  PAIR,
  POLICIES,
  type Row,
} from "./outcomes.ts";

type InForce = (typeof POLICIES)[string];

/**
 * A stand-in for the client `docker`. The containers of its engine are the lines of the file `containers`. The image is
 * missing while the file `no-image` exists.
 */
function standInForDocker({ bin }: ReturnType<typeof sandbox>): string {
  const docker = join(bin, "docker");
  const script = `case "$1" in
  ps) case "$*" in *"/redshift/microserv_1 "*) cat "$HOME/containers" 2>/dev/null ;; esac; exit 0 ;;
  run) [ ! -e "$HOME/no-image" ] || { echo "docker: invalid reference" >&2; exit 125; }
    exec "$HOME/bin/pipelinewise" ;;
esac`;
  writeFileSync(docker, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return docker;
}

/** Makes one start. @returns what its caller, its record and its slot show */
async function startOnce(row: Row, inForce: InForce, mode: Mode) {
  const box = sandbox(`echo hi; ${row.script ?? ""}`);
  const { host, paths } = box;
  const entry = anEntry({ ...row.entry, policies: { ...inForce.policies, ...row.entry?.policies } });
  const limits = { target: {}, source: {}, queueMs: HOUR_MS, ...inForce.limits, ...row.limits };
  const onHost = row.inContainer === true ? { command: [standInForDocker(box), "run", "image"] } : {};
  box.install([entry, anEntry({ tap: "microserv_2" })], { limits }, onHost);
  const after = await row.before?.(box);
  const known = new Set((await box.records()).map(({ id }) => id));
  let loseLock = (_reason: string): void => {};
  const lost = new Promise<string>((resolve) => {
    loseLock = resolve;
  });
  const locks = row.losesLock === true ? looseLocks(lost) : undefined;
  const more = mode === "by hand" ? [] : (row.scheduledWords ?? []);
  const words = [...(row.isTriggered === true ? OTHER_TAP : PAIR_WORDS), ...MODES[mode].words, ...more];
  const running = runMain(words, { ...host, pid: 1 }, { locks });
  if (row.during !== undefined) await untilFile(box.file("started"));
  await row.during?.(box, loseLock);
  const code = await running;
  const all = (await box.records()).filter((one) => !known.has(one.id) && one.startedAt === NOW.toISOString());
  const records = all.filter(({ tap }) => tap === PAIR.tap);
  const triggeredBy = all.find(({ tap }) => tap !== PAIR.tap)?.id;
  const slot = await openSlots({ paths, entry: anEntry(), host }).findLast();
  if (typeof after === "function") await after();
  return { code, records, triggeredBy, slot, out: host.out(), err: host.err() };
}

type Start = Awaited<ReturnType<typeof startOnce>>;

/** An end that a start must have, with the number of its attempts. */
interface Expected {
  readonly ending: Ending;
  readonly mode: Mode;
  readonly attempts: number;
  readonly prints: boolean | "maybe";
}

function expectRecord({ records, triggeredBy }: Start, { ending, mode, attempts }: Expected): void {
  const { outcome, reason, exitCode = MODES[mode].skip, slot = NOW.toISOString() } = ending;
  expect(records).toHaveLength(1);
  const [record] = records;
  expect(record).toMatchObject({ outcome, exitCode, scheduled: mode !== "by hand" });
  expect(record?.reason).toBe(reason);
  expect(record?.triggeredBy).toBe(triggeredBy);
  expect(record?.slot).toBe(mode === "by hand" || slot === "none" ? undefined : slot);
  const each = Array.from({ length: attempts }, () => expect.objectContaining({ outcome, exitCode }));
  expect(record?.attempts).toEqual(attempts === 1 ? undefined : each);
}

/** The slot of a start is handled afterwards, as run or as skipped. A start by hand has none. */
function expectSlot({ records: [record], slot }: Start, { ending, prints }: Expected): void {
  if (record?.slot === undefined) {
    expect(slot?.run).not.toBe(record?.id);
  } else {
    const skipped = ending.skipsSlot === true || (record.outcome === "skipped" && prints === false);
    expect(slot).toMatchObject({ slot: new Date(record.slot), run: record.id, skipped });
  }
}

const linesOf = (text: string, beginning: string): readonly string[] =>
  text.split("\n").filter((line) => line.startsWith(beginning));

/** The lines that show a person who waits for the run how it goes on. */
const NOT_REPORTED =
  /: stopping |: starting |; attempt 2 of 2 starts in |; waiting for up to | is queued: | is being replaced: /;

/** The pipeline's output and, under a scheduler, a skip are on stdout. All else is on stderr. */
function expectOutput({ out, err, triggeredBy }: Start, { ending, mode, attempts, prints }: Expected): void {
  const { outcome, reason, says = "" } = ending;
  const isShown = mode !== "by cron";
  if (!isShown) expect(out).toBe("");
  const ofPredecessor = triggeredBy === undefined ? 0 : 1;
  const shown = ofPredecessor + (prints === true ? attempts : 0);
  if (prints !== "maybe") expect(linesOf(out, "hi")).toHaveLength(isShown ? shown : 0);
  const isSkip = outcome === "skipped";
  const skips = isSkip ? [expect.stringContaining(`skipped (${reason}): ${LABEL} ${says}`)] : [];
  expect(linesOf(out, "skipped")).toEqual(mode === "by Airflow" ? skips : []);
  expect(linesOf(err, "skipped")).toEqual(mode === "by hand" ? skips : []);
  if (isSkip) return;
  const isFault = outcome !== "succeeded";
  const reports = linesOf(err, "pipelinewise-sched: ").filter((line) => !NOT_REPORTED.test(line));
  expect(reports).toEqual(isFault ? [expect.stringContaining(says)] : []);
  expect(err.includes("\n  last lines:\n")).toBe(isFault && !isShown && (prints !== false || reason === "hook"));
  if (!isFault && !isShown) expect(err).toBe("");
}

describe.each(Object.entries(POLICIES))("with %s, a start that ends with", (_, inForce) => {
  test.each([...OUTCOMES, ...OTHER_STARTS])(
    "$name has its exit code, record, slot and output in each start mode",
    async (row) => {
      const check = async (mode: Mode): Promise<void> => {
        const start = await startOnce(row, inForce, mode);
        const ending = mode === "by hand" ? (row.byHand ?? row.ends) : row.ends;
        const { outcome, exitCode, callerCode, isRepeated } = ending;
        const attempts = isRepeated === true ? 1 + (inForce.policies.retries?.max ?? 0) : 1;
        const prints = row.prints ?? outcome !== "skipped";
        const expected = { ending, mode, attempts, prints };
        expect
          .soft({ mode, code: start.code })
          .toEqual({ mode, code: callerCode?.[mode] ?? exitCode ?? MODES[mode].skip });
        expectRecord(start, expected);
        expectSlot(start, expected);
        expectOutput(start, expected);
      };
      await Promise.all((["by hand", "by cron", "by Airflow"] as const).map(check));
    },
  );
});
