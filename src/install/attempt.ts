import { InterruptedError, SchedError } from "../errors.ts";
import type { Diagnostic, Path } from "../schedule/diagnostic.ts";

/** A value, or the problem because of which there is none. */
export type Attempt<T> = { readonly value: T } | { readonly fault: Diagnostic };

/** Turns an error that the user can fix into a diagnostic at `path`. */
export async function attempt<T>(path: Path, act: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await act() };
  } catch (error) {
    if (!(error instanceof SchedError) || error instanceof InterruptedError) throw error;
    return { fault: { path, message: error.message, hint: error.hint } };
  }
}
