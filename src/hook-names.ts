import type { Hooks } from "./policies.ts";

/** The names of the hooks here and in the schedule file. */
export const HOOK_NAMES = [
  ["before", "before"],
  ["after", "after"],
  ["afterSuccess", "after_success"],
  ["afterFailure", "after_failure"],
] as const satisfies readonly (readonly [keyof Hooks, string])[];
