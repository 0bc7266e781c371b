import { type AlertRule, rulesFor } from "../alert-rules.ts";
import type { PipelineId } from "../pipeline-id.ts";
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

/** A warning about a rule that applies to no pipeline: a mistyped pattern would lose its alerts silently. */
function warnUncovered({ taps, targets }: AlertRule, index: number): Diagnostic {
  const key = taps !== undefined ? "taps" : targets !== undefined ? "targets" : undefined;
  return {
    path: key === undefined ? ["alerts", index] : ["alerts", index, key],
    severity: "warning",
    message: "the rule does not apply to any pipeline, so it never sends an alert",
    hint: "Correct `taps`, `targets` or `alerts: off` of the pipelines, or remove the rule.",
  };
}

/** A warning about pings of several pipelines to one check, which would show the state of whichever ended last. */
function warnShared({ receiver }: AlertRule, covered: readonly PipelineId[], index: number): readonly Diagnostic[] {
  const names = new Set(covered.map(({ tap, target }) => `${tap} → ${target}`));
  if (receiver.kind !== "ping" || names.size < 2) return [];
  return [
    {
      path: ["alerts", index, "ping"],
      severity: "warning",
      message: `the rule pings one check about ${names.size} pipelines, and a check mixes up their runs`,
      hint: "Write a rule for each pipeline, each with `taps` and the URL of a check of its own.",
    },
  ];
}

/** Warnings about alert rules that apply to no pipeline, about events that no pipeline of a rule can have, and about shared checks. */
export const lintAlerts = ({ alerts = [], pipelines }: Pick<Schedule, "alerts" | "pipelines">): readonly Diagnostic[] =>
  alerts.flatMap((rule, index) => {
    const covered = pipelines.filter(
      (pipeline) => pipeline.policies?.alerts !== false && rulesFor([rule], pipeline).length > 0,
    );
    if (covered.length === 0) return [warnUncovered(rule, index)];
    const unneeded = NEEDED.flatMap(({ kind, policy, key }): readonly Diagnostic[] => {
      if (!rule.when.includes(kind) || covered.some(({ policies }) => policies?.[policy] !== undefined)) return [];
      const message = `the rule lists ${kind}, but none of its pipelines has the key \`${key}\``;
      const hint = `Set \`${key}\` in \`defaults\` or in a pipeline, or remove ${kind}.`;
      return [{ path: ["alerts", index, "when"], severity: "warning", message, hint }];
    });
    return [...unneeded, ...warnShared(rule, covered, index)];
  });
