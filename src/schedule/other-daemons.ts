import type { Cron } from "../cron/expression.ts";
import { otherReadings, type Reading } from "../cron/readings.ts";
import { describeCron } from "../cron/words.ts";
import type { Doubt } from "./lint.ts";
import type { Pipeline } from "./schedule.ts";

/** Crons whose text some cron daemon takes for other times than Debian's does. No danger: what we install is read alike. */
export const readingNotes = (pipelines: readonly Pipeline[]): readonly Doubt[] =>
  pipelines.flatMap(({ crons }, index) =>
    crons.flatMap((cron, position): readonly Doubt[] => {
      const message = renderReadings(cron, otherReadings(cron));
      return message === undefined ? [] : [{ path: ["pipelines", index, "cron", position], message }];
    }),
  );

/** Daemons that say the same stand together. */
function renderReadings(cron: Cron, readings: readonly Reading[]): string | undefined {
  const saying = new Map<string, string[]>();
  for (const { who, cron: other } of readings) {
    const says = other === undefined ? "not at all" : describeCron(other);
    saying.set(says, [...(saying.get(says) ?? []), who]);
  }
  if (saying.size === 0) return undefined;
  return `${cron.text}: ${[...saying].map(([says, who]) => `${says} (${who.join(", ")})`).join("; ")}`;
}
