import { StoreError } from "../../errors.ts";
import type { CronicleCall } from "./api.ts";
import { eventDifferences } from "./compare.ts";
import type { CronicleEvent } from "./event.ts";
import { readEvents } from "./read.ts";

/**
 * Reads back what an apply has made. Cronicle knows no lock and takes a second event of the same id: who installs at the
 * same time from elsewhere shows here.
 *
 * @throws StoreError naming the first event that is not as it should be
 */
export async function demandSettled(call: CronicleCall, wanted: readonly CronicleEvent[]): Promise<void> {
  const found = await readEvents(call);
  for (const event of wanted) {
    const [first, ...spare] = found.filter(({ id }) => id === event.id);
    const fault =
      first === undefined
        ? "is not there"
        : spare.length > 0
          ? `is there ${spare.length + 1} times`
          : eventDifferences(first, event)[0];
    if (fault === undefined) continue;
    throw new StoreError(`Cronicle took the event ${event.title}, and read back it ${fault}`, {
      hint: "Did somebody else install, or edit it, at the same time? Do the same again: it mends what is wrong.",
    });
  }
}
