import { describe, test } from "vitest";
import { cannotRun, inCi } from "./needs.ts";

/** A suite on the real daemon. Where none can be made it is skipped with the reason in plain sight; in CI that fails. */
export function describeOnRealCron(title: string, body: () => void): void {
  describeWhere(cannotRun(), title, body);
}

/** Like `describeOnRealCron`, for a packaged program that is not installed. @param lacking further missing parts */
export function describeOn(
  {
    name,
    present,
    lacking,
  }: { readonly name: string; readonly present: boolean; readonly lacking?: string | undefined },
  title: string,
  body: () => void,
): void {
  const absent = present
    ? undefined
    : "its package is not here: Debian's mirror could not be asked, or this is no Debian";
  describeWhere(cannotRun() ?? lacking ?? absent, `${name}: ${title}`, body);
}

function describeWhere(reason: string | undefined, title: string, body: () => void): void {
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
