import type { PlannedChange, SchedulerPlan } from "../../exporters/plan.ts";

const SIGNS = { created: "+", changed: "~", removed: "-", unchanged: "=" } as const;
const KINDS = ["created", "changed", "unchanged", "removed"] as const;

/** A plan for people: how many of each kind, then what changes. What stays as it is has no line of its own. */
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
