import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Cron, parseCron } from "../../src/cron/expression.ts";
import { CronSyntaxError } from "../../src/cron/field.ts";
import { nextRuns, startTimes } from "../../src/cron/run-times.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";

interface CronVector {
  readonly expr: string;
  readonly accepted: boolean;
  readonly start: string;
  readonly fires: readonly string[];
  readonly kind: "fixed" | "wildcard" | "reboot" | null;
  readonly quirk: string | null;
}

interface DstVector {
  readonly zone: string;
  readonly transition: string;
  readonly offset_before: number;
  readonly offset_after: number;
  readonly expr: string;
  readonly kind: "fixed" | "wildcard";
  readonly from: string;
  readonly to: string;
  readonly fires: readonly string[];
}

const readVectors = (name: string) => JSON.parse(readFileSync(new URL(`../data/${name}`, import.meta.url), "utf8"));
const toMinute = (at: number): string => `${new Date(at).toISOString().slice(0, 16)}Z`;

function parsed(text: string): Cron | CronSyntaxError {
  try {
    return parseCron(text);
  } catch (error) {
    if (error instanceof CronSyntaxError) return error;
    throw error;
  }
}

describe("the vectors of Debian's cron", () => {
  const { vectors, horizon }: { vectors: readonly CronVector[]; horizon: string } = readVectors("cron-vectors.json");
  // cron accepts these and this program rejects them: they are not a time, or never fire.
  const isRejectedOnPurpose = (vector: CronVector): boolean => vector.kind === "reboot" || vector.fires.length === 0;
  const valid = vectors.filter((vector) => vector.accepted && vector.quirk === null && !isRejectedOnPurpose(vector));
  const never = vectors.filter((vector) => vector.accepted && vector.quirk === null && isRejectedOnPurpose(vector));
  const quirky = vectors.filter((vector) => vector.accepted && vector.quirk !== null);
  const rejected = vectors.filter((vector) => !vector.accepted);

  test("each belong to one of four groups", () => {
    expect([valid.length, never.length, quirky.length, rejected.length]).toEqual([181, 4, 30, 85]);
  });

  test.each(valid)("$expr fires from $start on as cron does", ({ expr, start, kind, fires }) => {
    const cron = parseCron(expr);
    const runs = nextRuns(cron, { zone: "UTC", after: new Date(start), count: 10 })
      .map((run) => toMinute(run.getTime()))
      .filter((run) => run < horizon);
    expect(runs).toEqual(fires);
    expect(cron.class).toBe(kind);
  });

  test.each(never)("$expr is rejected because it is not a time or never fires", ({ expr }) => {
    expect(parsed(expr)).toMatchObject({ message: expect.stringMatching(/never fires|is not a time/) });
  });

  test.each(quirky)("$expr is rejected because cron reads it in a surprising way ($quirk)", ({ expr }) => {
    expect(parsed(expr)).toBeInstanceOf(CronSyntaxError);
  });

  test.each(rejected)("$expr is rejected, as by cron", ({ expr }) => {
    expect(parsed(expr)).toBeInstanceOf(CronSyntaxError);
  });
});

describe("the vectors around clock changes", () => {
  const { vectors }: { vectors: readonly DstVector[] } = readVectors("dst-vectors.json");
  // This Node may have different zone data than the vectors. Such vectors are reported as skipped.
  const isKnown = (vector: DstVector): boolean => {
    const at = Date.parse(vector.transition);
    const { offset: after, startAt } = zoneClock(vector.zone).intervalAt(at);
    const { offset: before } = zoneClock(vector.zone).intervalAt(at - 1);
    return startAt === at && before === vector.offset_before * 60_000 && after === vector.offset_after * 60_000;
  };
  const known = vectors.filter(isKnown);
  const differing = vectors.filter((vector) => !isKnown(vector));

  test("mostly agree with the clock changes of this Node", () => {
    expect(known.length).toBeGreaterThan(differing.length);
  });

  test.skip.each(differing)("$zone $transition: $expr is skipped because this Node has different zone data", () => {});

  test.each(known)("$zone $transition: $expr starts when cron starts it", ({ zone, expr, kind, from, to, fires }) => {
    const cron = parseCron(expr);
    const span = { zone, from: Date.parse(from) + 60_000, to: Date.parse(to) };
    expect([...startTimes(cron, span)].map(toMinute)).toEqual(fires);
    expect(cron.class).toBe(kind);
  });
});
