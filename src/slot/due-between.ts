import { startsByClock } from "../cron/starts.ts";
import type { DueTimes } from "./due.ts";

/** Every due instant in (after, upTo], each once, in order. Epoch milliseconds. */
export function dueBetween(
  { crons, clock }: DueTimes,
  { after, upTo }: { readonly after: number; readonly upTo: number },
): readonly number[] {
  const found = new Set(crons.flatMap((cron) => [...startsByClock(cron, clock, { from: after + 1, to: upTo + 1 })]));
  return [...found].sort((one, other) => one - other);
}
