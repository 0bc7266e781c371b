import fc from "fast-check";
import { expect, test } from "vitest";
import { mergeTimes } from "../../src/preview/upcoming.ts";

const sortedTimes = fc.array(fc.nat(20), { maxLength: 12 }).map((times) => times.sort((a, b) => a - b));

test("mergeTimes sorts by time, then by source, and loses nothing", () => {
  fc.assert(
    fc.property(fc.array(sortedTimes, { maxLength: 9 }), (sources) => {
      const all = sources.flatMap((times, source) => times.map((at) => ({ source, at })));
      all.sort((a, b) => a.at - b.at || a.source - b.source);
      expect([...mergeTimes(sources)]).toEqual(all);
    }),
    { seed: 3, numRuns: 500 },
  );
});

test("mergeTimes computes no more times of endless sources than the consumer takes", () => {
  const asked: number[] = [];
  function* everyTen(): Generator<number, void> {
    for (let at = 0; ; at += 10) {
      asked.push(at);
      yield at;
    }
  }
  const merged = mergeTimes([everyTen(), [5, 25]]);
  expect([merged.next(), merged.next(), merged.next()].map(({ value }) => value?.at)).toEqual([0, 5, 10]);
  expect(asked).toEqual([0, 10]);
});
