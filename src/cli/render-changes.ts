import { fromCrontabText } from "../crontab/bytes.ts";
import type { InstallPlan } from "../crontab/plan.ts";
import { renderDiff } from "../text-diff.ts";

/** The change of a crontab as a unified diff; "" when there is none. */
export function renderCrontabChange(
  { before, after }: { readonly before: string; readonly after: string },
  user: string,
): string {
  const names = { before: `crontab of ${user}, now`, after: `crontab of ${user}, then` };
  return fromCrontabText(renderDiff(before, after, names));
}

/** Everything that a plan changes: the crontab as a diff, the stored schedule in words. */
export function renderPlan({ crontab, files, notes }: InstallPlan, user: string): string {
  const changed = files.filter(({ before, after }) => before !== after).map(({ path }) => path);
  const stored = changed.length === 0 ? [] : ["stored schedule:", ...notes.map((note) => `  ${note}`), ""];
  return (crontab === undefined ? "" : renderCrontabChange(crontab, user)) + stored.join("\n");
}
