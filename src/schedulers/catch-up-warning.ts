import type { Diagnostic } from "../schedule/diagnostic.ts";
import type { Schedule } from "../schedule/schedule.ts";

/**
 * The warning that the key `catch_up` has no effect on a scheduler, at its first entry that has it; none if no entry has.
 *
 * @param there what that scheduler does after downtime, as a sentence
 */
export function catchUpWarning({ pipelines }: Schedule, title: string, there: string): readonly Diagnostic[] {
  const index = pipelines.findIndex(({ policies }) => policies?.catchUpMs !== undefined);
  if (index === -1) return [];
  const message = `\`catch_up\` has no effect on ${title}`;
  return [{ severity: "warning", path: ["pipelines", index, "catch_up"], message, hint: there }];
}
