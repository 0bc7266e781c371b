/** Where a schedule goes, and what a call needs. */
export interface CronicleSettings {
  /** The primary, and each backup that may take its place: `http://host:3012`. The key is sent to these and no other. */
  readonly urls: readonly string[];
  /** The API key itself. */
  readonly key: string;
  /** Id or title of the category that our events stand in. */
  readonly category: string;
  /** Server or server group that runs the pipelines. */
  readonly target: string;
}
