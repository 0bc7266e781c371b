import { describe, test } from "vitest";
import { cannotRun, inCi } from "./needs.ts";

/** A suite on the real daemon. Where none can be made it is skipped with the reason in plain sight; in CI that fails. */
export function describeOnRealCron(title: string, body: () => void): void {
  const reason = cannotRun();
  if (reason === undefined) {
    describe(title, body);
    return;
  }
  describe(title, () => {
    test("runs on a real cron daemon", (context) => {
      if (inCi) throw new Error(reason);
      context.skip(reason);
    });
  });
}
