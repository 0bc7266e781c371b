/** A version of PipelineWise that stands for all those with the same command line; `STAND_IN_VERSION` takes it. */
export type Dialect = "0.76.7" | "0.81.1";

interface CommandLine {
  /** In any order. */
  readonly commands: readonly string[];
  /** Names of the command that copies whole tables. */
  readonly fastSync: readonly string[];
}

const IN_BOTH = ["init", "run_tap", "stop_tap", "discover_tap", "status", "test_tap_connection", "sync_tables"].concat([
  "import",
  "import_config",
  "validate",
  "encrypt_string",
  "partial_sync_table",
  "reset_state",
]);

export const DIALECTS: Readonly<Record<Dialect, CommandLine>> = {
  "0.76.7": { commands: IN_BOTH, fastSync: ["sync_tables"] },
  "0.81.1": {
    commands: [
      ...IN_BOTH,
      "fast_sync",
      "copy_native_to_iceberg",
      "list_data_diff_checks",
      "run_data_diff_checks",
      "rerun_data_diff_check",
    ],
    fastSync: ["fast_sync", "sync_tables"],
  },
};

/** @param version such as `0.77.0`, where `sync_tables` became `fast_sync` */
export function dialectOf(version: string): Dialect {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 0 || minor >= 77 ? "0.81.1" : "0.76.7";
}
