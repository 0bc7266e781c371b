import type { Path } from "./diagnostic.ts";

/** The hints for a key. */
interface KeyHints {
  /** If the key is missing. */
  readonly missing?: string;
  /** If its value, or an item of it, has the wrong type. Only where the general hint for the type does not help. */
  readonly wrongType?: (value: unknown, isItem: boolean) => string;
}

const TAP: KeyHints = { missing: "Add `tap: ID`, the tap's id in PipelineWise." };
const TARGET: KeyHints = { missing: "Add `target: ID`, the target's id in PipelineWise." };
const HOOK_COMMAND: KeyHints = { missing: "Add `command: [PROGRAM, ARGUMENT]`, the program and its arguments." };

const idOr = (example: string, value: unknown): string =>
  typeof value === "string" && /^[\w.-]+$/.test(value) ? value : example;
const durationOr = (example: string, value: unknown): string =>
  typeof value === "string" && /^\d+[a-z]$/.test(value) ? value : example;
const fileOr = (example: string, value: unknown): string =>
  typeof value === "string" && /^[\w./~-]+\.prom$/.test(value) ? value : example;
const numberOr = (example: number, value: unknown): number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : example;

/** Hints by the path of the key, without list positions. A key of `defaults` has the hints of the same pipeline key. */
const HINTS: Readonly<Record<string, KeyHints>> = {
  pipelines: {
    missing: 'Add at least one entry: `pipelines: [{tap: my_tap, target: my_target, cron: "0 * * * *"}]`.',
  },
  "pipelines.tap": TAP,
  "pipelines.target": TARGET,
  "pipelines.after": {
    wrongType: (value, isItem) => `Write \`${isItem ? "" : "after: "}{tap: ${idOr("TAP", value)}, target: TARGET}\`.`,
  },
  "pipelines.after.tap": TAP,
  "pipelines.after.target": TARGET,
  "pipelines.retries": { wrongType: (value) => `Write \`retries: {max: ${numberOr(2, value)}}\`.` },
  "pipelines.retries.max": { missing: "Add `max: 2`, the number of attempts after the first." },
  "pipelines.retries.on.output": { missing: "Add `output: TEXT`, a part of the message." },
  "pipelines.on_overlap.wait": { missing: "Add `wait: 20m`, the longest time to wait." },
  "pipelines.alerts": { wrongType: () => "Write `alerts: off`." },
  "pipelines.hooks": {
    wrongType: () =>
      "Write `hooks: {before: [PROGRAM, ARGUMENT]}`. The keys are before, after, after_success and after_failure.",
  },
  "pipelines.hooks.before.command": HOOK_COMMAND,
  "pipelines.hooks.after.command": HOOK_COMMAND,
  "pipelines.hooks.after_success.command": HOOK_COMMAND,
  "pipelines.hooks.after_failure.command": HOOK_COMMAND,
  limits: { wrongType: (value) => `Write \`limits: {host: ${numberOr(4, value)}}\`.` },
  "limits.target": { wrongType: (value) => `Write \`target: {TARGET: ${numberOr(2, value)}}\`.` },
  "limits.source": { wrongType: (value) => `Write \`source: {NAME: ${numberOr(1, value)}}\`.` },
  alerts: {
    wrongType: () => "Write a list of rules: `- {when: [failed], slack: ADDRESS}`. To send no alerts, remove the key.",
  },
  "alerts.when": { missing: "Add `when: [failed, recovered]`, the events that are sent." },
  retention: { wrongType: (value) => `Write \`retention: {logs: ${durationOr("30d", value)}}\`.` },
  metrics: {
    wrongType: (value) => `Write \`metrics: {file: ${fileOr("PATH", value)}}\`, a file whose name ends in .prom.`,
  },
  "metrics.file": { missing: "Add `file: PATH`, a file whose name ends in .prom." },
  "cronicle.url": { missing: "Add `url: http://HOST:3012`, the URL of Cronicle." },
  "cronicle.key": { missing: `Add \`key: "\${file:PATH}"\`, the file that contains the API key.` },
};

function hintsAt(path: Path): KeyHints | undefined {
  const [first, ...rest] = path.filter((step) => typeof step === "string");
  return HINTS[[first === "defaults" ? "pipelines" : first, ...rest].join(".")];
}

/** The hint for the missing key at the end of the path; `undefined` if the key has none. */
export const missingHint = (path: Path): string | undefined => hintsAt(path)?.missing;

/** The hint for a value of the wrong type; `undefined` if the general hint for the type helps. */
export const wrongTypeHint = (path: Path, value: unknown): string | undefined =>
  hintsAt(path)?.wrongType?.(value, typeof path.at(-1) === "number");
