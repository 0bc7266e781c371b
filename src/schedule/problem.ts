import { EXIT, SchedError } from "../errors.ts";
import type { Place } from "./schedule.ts";

type Severity = "error" | "warning";

/** An error or a warning in a schedule file, with its place. `validate --json` prints it as it is. */
export interface Problem extends Place {
  /** The file as the user named it. */
  readonly file: string;
  /** Such as `pipelines[2].cron`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to do next. */
  readonly hint: string | null;
  readonly severity: Severity;
}

/** Keys and list positions from the top of the file down. */
export type Path = readonly (string | number)[];

/** A problem whose line and column are not known yet. */
export interface Finding {
  /** Offset in the text, from 0. */
  readonly at: number;
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Default: an error. */
  readonly severity?: Severity;
}

/** `["pipelines", 2, "cron"]` as `pipelines[2].cron`. */
function renderPath(path: Path): string {
  return path
    .map((step) => {
      if (typeof step === "number") return `[${step}]`;
      return /^[\w-]+$/.test(step) ? `.${step}` : `[${quoted(step)}]`;
    })
    .join("")
    .replace(/^\./, "");
}

/** Quotes a text from the user's file. */
export const quoted = (text: string): string =>
  printable(JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text));

/** Makes a text printable: one line, no control characters for the terminal, not too long. */
export function printable(text: string): string {
  const short = text.length > 120 ? `${text.slice(0, 117)}…` : text;
  return short.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) =>
    [...character].map((one) => `\\u{${one.codePointAt(0)?.toString(16)}}`).join(""),
  );
}

/** Converts findings to problems, sorted by place. A finding that an alias repeats appears once. */
export function toProblems(
  findings: readonly Finding[],
  file: string,
  placeAt: (offset: number) => Place,
): readonly Problem[] {
  const once = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.at} ${finding.message}`;
    if (!once.has(key)) once.set(key, finding);
  }
  return [...once.values()]
    .sort((one, other) => one.at - other.at)
    .map(({ at, path, message, hint, severity }) => ({
      file,
      ...placeAt(at),
      path: renderPath(path),
      message,
      hint: hint ?? null,
      severity: severity ?? "error",
    }));
}

/** One problem on one line, and its hint below. */
export function renderProblem({ file, line, column, path, message, hint, severity }: Problem): string {
  const where = path === "" ? "" : `${path}: `;
  const warning = severity === "warning" ? "warning: " : "";
  return `${file}:${line}:${column}  ${warning}${where}${message}\n${hint === null ? "" : `    ${hint}\n`}`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** Such as `2 errors, 1 warning`; empty for no problems. */
export function countProblems(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  return [errors > 0 ? counted(errors, "error") : "", warnings > 0 ? counted(warnings, "warning") : ""]
    .filter((part) => part !== "")
    .join(", ");
}

/** The schedule file contains errors (exit code 65); the message shows all of them. */
export class BadScheduleError extends SchedError {
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const list = problems.map(renderProblem).join("").trimEnd();
    super(`${file} is not valid: ${countProblems(problems)}\n${list}`, { exitCode: EXIT.badSchedule });
    this.problems = problems;
  }
}
