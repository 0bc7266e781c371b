import type { InstallPlan } from "../install/plan.ts";
import { fromCrontabText } from "../schedulers/cron/block.ts";
import type { PlannedChange, SchedulerPlan } from "../schedulers/scheduler.ts";
import { renderDiff } from "../text/diff.ts";

/** The change of a crontab as a unified diff; "" when there is none. */
export function renderCrontabChange(
  { before, after }: { readonly before: string; readonly after: string },
  user: string,
): string {
  const names = { before: `crontab of ${user}, now`, after: `crontab of ${user}, then` };
  return fromCrontabText(renderDiff(before, after, names));
}

/** All changes of a plan: the crontab as a diff, the stored schedule as a list. */
export function renderPlan({ crontab, files, notes }: InstallPlan, user: string): string {
  const changed = files.filter(({ before, after }) => before !== after).map(({ path }) => path);
  const stored = changed.length === 0 ? [] : ["stored schedule:", ...notes.map((note) => `  ${note}`), ""];
  return (crontab === undefined ? "" : renderCrontabChange(crontab, user)) + stored.join("\n");
}

const SIGNS = { created: "+", changed: "~", removed: "-", unchanged: "=" } as const;
const KINDS = ["created", "changed", "unchanged", "removed"] as const;

/** A plan for people: the number of changes of each kind, then one line for each change. */
export function renderSchedulerPlan({ changes }: SchedulerPlan, title: string): string {
  const counts = KINDS.flatMap((kind) => {
    const count = changes.filter((change) => change.kind === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  });
  const lines = changes.filter(({ kind }) => kind !== "unchanged").flatMap(renderChange);
  return `${[`${title}: ${counts.length === 0 ? "nothing there" : counts.join(", ")}`, ...lines].join("\n")}\n`;
}

const renderChange = ({ kind, what, differences }: PlannedChange): readonly string[] => [
  `  ${SIGNS[kind]} ${what}`,
  ...differences.map((line) => `      ${line}`.trimEnd()),
];
