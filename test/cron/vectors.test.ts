import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Cron, parseCron } from "../../src/cron/expression.ts";
import { CronFault } from "../../src/cron/field.ts";
import { nextRuns, startTimes } from "../../src/cron/next-runs.ts";
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

function parsed(text: string): Cron | CronFault {
  try {
    return parseCron(text);
  } catch (error) {
    if (error instanceof CronFault) return error;
    throw error;
  }
}

describe("what Debian's cron loads", () => {
  const { vectors, horizon }: { vectors: readonly CronVector[]; horizon: string } = readVectors("cron-vectors.json");
  // Sound for cron, refused by us: no time at all, or a time that never comes.
  const refusedOnPurpose = (vector: CronVector): boolean => vector.kind === "reboot" || vector.fires.length === 0;
  const sound = vectors.filter((vector) => vector.accepted && vector.quirk === null && !refusedOnPurpose(vector));
  const never = vectors.filter((vector) => vector.accepted && vector.quirk === null && refusedOnPurpose(vector));
  const quirky = vectors.filter((vector) => vector.accepted && vector.quirk !== null);
  const rejected = vectors.filter((vector) => !vector.accepted);

  test("every vector is in one of the four classes", () => {
    expect([sound.length, never.length, quirky.length, rejected.length]).toEqual([181, 4, 30, 85]);
  });

  test.each(sound)("$expr fires from $start on as cron does", ({ expr, start, kind, fires }) => {
    const cron = parseCron(expr);
    const runs = nextRuns(cron, { zone: "UTC", after: new Date(start), count: 10 })
      .map((run) => toMinute(run.getTime()))
      .filter((run) => run < horizon);
    expect(runs).toEqual(fires);
    expect(cron.class).toBe(kind);
  });

  test.each(never)("$expr is refused because it is not a time or never fires", ({ expr }) => {
    expect(parsed(expr)).toMatchObject({ message: expect.stringMatching(/never fires|is not a time/) });
  });

  test.each(quirky)("$expr is refused: cron reads it otherwise than it looks ($quirk)", ({ expr }) => {
    expect(parsed(expr)).toBeInstanceOf(CronFault);
  });

  test.each(rejected)("$expr is refused, as cron does", ({ expr }) => {
    expect(parsed(expr)).toBeInstanceOf(CronFault);
  });
});

describe("what Debian's cron does around a clock change", () => {
  const { vectors }: { vectors: readonly DstVector[] } = readVectors("dst-vectors.json");
  // This Node's zone data may be of another year than the vectors': such vectors are skipped, for all to see.
  const isKnown = (vector: DstVector): boolean => {
    const at = Date.parse(vector.transition);
    const { offset: after, startAt } = zoneClock(vector.zone).segmentAt(at);
    const { offset: before } = zoneClock(vector.zone).segmentAt(at - 1);
    return startAt === at && before === vector.offset_before * 60_000 && after === vector.offset_after * 60_000;
  };
  const known = vectors.filter(isKnown);
  const differing = vectors.filter((vector) => !isKnown(vector));

  test("this Node knows most of the changes as the vectors have them", () => {
    expect(known.length).toBeGreaterThan(differing.length);
  });

  test.skip.each(differing)("$zone $transition: $expr: other zone data here", () => {});

  test.each(known)("$zone $transition: $expr", ({ zone, expr, kind, from, to, fires }) => {
    const cron = parseCron(expr);
    const span = { zone, from: Date.parse(from) + 60_000, to: Date.parse(to) };
    expect([...startTimes(cron, span)].map(toMinute)).toEqual(fires);
    expect(cron.class).toBe(kind);
  });
});
