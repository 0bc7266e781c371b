/** Whose something at a scheduler is: only what bears our mark is ever changed or taken away. */
export interface Mark {
  /** Name of the schedule. */
  readonly schedule: string;
  /** Absolute path of the schedule file. */
  readonly source: string;
  /** Absolute. */
  readonly configDir: string;
}
