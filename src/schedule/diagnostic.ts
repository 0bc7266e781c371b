import { EXIT, SchedError } from "../errors.ts";
import type { SourcePosition } from "./schedule.ts";

type Severity = "error" | "warning";

/** Keys and list positions from the top of the file down. */
export type Path = readonly (string | number)[];

/** One problem in a schedule file: an error or a warning. */
export interface Diagnostic {
  readonly path: Path;
  /** Offset in the text, from 0; `undefined`: that of the value at `path`. */
  readonly offset?: number;
  /** The problem is in the value at `path` itself. If the pipeline takes it from `defaults`, it is shown there. */
  readonly isInValue?: true;
  readonly message: string;
  /** What to do next. */
  readonly hint?: string | undefined;
  /** Default: an error. */
  readonly severity?: Severity;
}

/** A diagnostic with its position in the file. `validate --json` prints it unchanged. */
export interface PlacedDiagnostic extends SourcePosition {
  /** The file as the user named it. */
  readonly file: string;
  /** Such as `pipelines[2].cron`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | null;
  readonly severity: Severity;
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

/** Adds the positions, and sorts by them. A diagnostic that an alias repeats appears once. */
export function placeDiagnostics(
  diagnostics: readonly Diagnostic[],
  { file, positionAt }: { readonly file: string; readonly positionAt: (offset: number) => SourcePosition },
): readonly PlacedDiagnostic[] {
  const once = new Map<string, Diagnostic>();
  for (const diagnostic of diagnostics) {
    const key = `${diagnostic.offset} ${diagnostic.message}`;
    if (!once.has(key)) once.set(key, diagnostic);
  }
  const placed = [...once.values()].map(({ offset = 0, path, message, hint = null, severity = "error" }) => ({
    file,
    ...positionAt(offset),
    path: renderPath(path),
    message,
    hint,
    severity,
  }));
  return sortByPosition(placed);
}

export const sortByPosition = (diagnostics: readonly PlacedDiagnostic[]): readonly PlacedDiagnostic[] =>
  [...diagnostics].sort((one, other) => one.line - other.line || one.column - other.column);

/** A diagnostic on one line, and its hint below. */
export function renderDiagnostic({ file, line, column, path, message, hint, severity }: PlacedDiagnostic): string {
  const where = path === "" ? "" : `${path}: `;
  const warning = severity === "warning" ? "warning: " : "";
  return `${file}:${line}:${column}  ${warning}${where}${message}\n${hint === null ? "" : `    ${hint}\n`}`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** Such as `2 errors, 1 warning`; empty for no diagnostics. */
export function countDiagnostics(diagnostics: readonly PlacedDiagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.length - errors;
  return [errors > 0 ? counted(errors, "error") : "", warnings > 0 ? counted(warnings, "warning") : ""]
    .filter((part) => part !== "")
    .join(", ");
}

/** The schedule file contains errors, or cannot be installed here (exit code 65); the message shows all of them. */
export class BadScheduleError extends SchedError {
  readonly diagnostics: readonly PlacedDiagnostic[];

  constructor(file: string, diagnostics: readonly PlacedDiagnostic[], verdict = "is not valid") {
    const list = diagnostics.map(renderDiagnostic).join("").trimEnd();
    super(`${file} ${verdict}: ${countDiagnostics(diagnostics)}\n${list}`, { exitCode: EXIT.badSchedule });
    this.diagnostics = diagnostics;
  }
}

/** @throws BadScheduleError if one of the diagnostics is an error */
export function assertNoErrors(file: string, diagnostics: readonly PlacedDiagnostic[], verdict?: string): void {
  if (diagnostics.some(({ severity }) => severity === "error")) throw new BadScheduleError(file, diagnostics, verdict);
}
