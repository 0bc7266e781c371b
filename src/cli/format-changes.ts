import { changesFiles, type StoredPlan } from "../install/plan.ts";
import type { PlannedChange, SchedulerPlan } from "../schedulers/scheduler.ts";

const SIGNS = { created: "+", changed: "~", removed: "-", unchanged: "=" } as const;
const KINDS = ["created", "changed", "unchanged", "removed"] as const;

/** The changes at a scheduler: a diff, or the number of changes of each kind and one line for each change. */
export function renderSchedulerPlan({ changes, diff }: SchedulerPlan, title: string): string {
  if (diff !== undefined) return diff;
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

/** The changes of the stored schedule as a list; "" if there are none. */
export function renderStoredPlan(plan: StoredPlan): string {
  if (!changesFiles(plan)) return "";
  return ["stored schedule:", ...plan.notes.map((note) => `  ${note}`), ""].join("\n");
}
