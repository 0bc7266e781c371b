import { type AlertRule, rulesFor } from "../alert-rules.ts";
import type { Policies } from "../policies.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { Schedule } from "./schedule.ts";

/** Events that can only happen to a pipeline with a policy, and the key of that policy. */
const NEEDED: readonly {
  readonly kind: AlertRule["when"][number];
  readonly policy: keyof Policies;
  readonly key: string;
}[] = [
  { kind: "late", policy: "freshWithinMs", key: "fresh_within" },
  { kind: "overdue", policy: "runningLongerThanMs", key: "running_longer_than" },
];

/** Warnings about events of alert rules that no pipeline of the rule can have. */
export const lintAlerts = ({ alerts = [], pipelines }: Pick<Schedule, "alerts" | "pipelines">): readonly Diagnostic[] =>
  alerts.flatMap((rule, index) => {
    const covered = pipelines.filter(
      (pipeline) => pipeline.policies?.alerts !== false && rulesFor([rule], pipeline).length > 0,
    );
    return NEEDED.flatMap(({ kind, policy, key }): readonly Diagnostic[] => {
      if (!rule.when.includes(kind) || covered.some(({ policies }) => policies?.[policy] !== undefined)) return [];
      const message = `the rule lists ${kind}, but none of its pipelines has the key \`${key}\``;
      const hint = `Set \`${key}\` in \`defaults\` or in a pipeline, or remove ${kind}.`;
      return [{ path: ["alerts", index, "when"], severity: "warning", message, hint }];
    });
  });
