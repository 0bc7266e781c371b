import { afterAll, beforeAll, describe, test } from "vitest";
import { type Laboratory, startLaboratory } from "./laboratory.ts";
import { noLaboratory } from "./needs.ts";

/** A suite with a laboratory of its own. Where there can be none it is skipped with the reason in plain sight. */
export function describeInLaboratory(title: string, body: (laboratory: () => Laboratory) => void): void {
  const reason = noLaboratory();
  describe(title, () => {
    if (reason !== undefined) {
      test("runs on two hosts that share a file server", (context) => context.skip(reason));
      return;
    }
    let laboratory: Laboratory | undefined;
    beforeAll(async () => {
      laboratory = await startLaboratory();
    }, 120_000);
    afterAll(() => laboratory?.stop(), 30_000);
    body(() => {
      if (laboratory === undefined) throw new Error("there is no laboratory");
      return laboratory;
    });
  });
}
