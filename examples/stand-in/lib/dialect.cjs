// stand-in for PipelineWise, not PipelineWise: what differs between the two versions that it speaks.
const { Exit, writeAll } = require("./log.cjs");

const DEFAULT_VERSION = "0.76.7";
const PAIR = ["tap", "target"];
const PARTIAL_SYNC = { act: "partial_sync_table", needs: [...PAIR, "table", "column", "start_value"] };
const PARTIAL_SYNC_ROUTES = { "tap-mysql": ["target-snowflake"], "tap-postgres": ["target-snowflake"] };

/**
 * - `commands`: in the order of the usage text. `act` says what the stand-in does, so two names with one `act` are
 *   aliases; a command without `act` is refused. `needs`: options that PipelineWise itself asks for after argparse.
 * - `values`, `flags`: options that only this version has.
 * - `fullSync`, `partialSync`: the targets that each tap type can be copied into without Singer.
 * - `checksRouteFirst`: fast_sync looks at `fullSync` before it does anything else, and ends with a traceback.
 * - `replacesState`: Fastsync writes state.json under a temporary name and renames it.
 */
const DIALECTS = {
  "0.76.7": {
    commands: {
      init: {},
      run_tap: { act: "run_tap", needs: PAIR },
      stop_tap: { act: "stop_tap", needs: PAIR },
      discover_tap: { needs: PAIR },
      status: { act: "status" },
      test_tap_connection: { needs: PAIR },
      sync_tables: { act: "fast_sync", needs: PAIR },
      import: { act: "import_config" },
      import_config: { act: "import_config" },
      validate: {},
      encrypt_string: {},
      partial_sync_table: PARTIAL_SYNC,
      reset_state: { act: "reset_state", needs: PAIR },
    },
    values: [],
    flags: [],
    fullSync: {
      "tap-mysql": ["target-snowflake", "target-redshift", "target-postgres", "target-bigquery"],
      "tap-postgres": ["target-snowflake", "target-redshift", "target-postgres", "target-bigquery"],
      "tap-mongodb": ["target-snowflake", "target-postgres", "target-bigquery"],
    },
    partialSync: PARTIAL_SYNC_ROUTES,
    checksRouteFirst: false,
    replacesState: false,
  },
  "0.81.1": {
    commands: {
      init: {},
      run_tap: { act: "run_tap", needs: PAIR },
      stop_tap: { act: "stop_tap", needs: PAIR },
      discover_tap: { needs: PAIR },
      status: { act: "status" },
      test_tap_connection: { needs: PAIR },
      fast_sync: { act: "fast_sync", needs: PAIR },
      sync_tables: { act: "fast_sync", needs: PAIR },
      import_config: { act: "import_config", needs: ["dir"] },
      import: { act: "import_config", needs: ["dir"] },
      validate: {},
      encrypt_string: {},
      partial_sync_table: PARTIAL_SYNC,
      copy_native_to_iceberg: {},
      reset_state: { act: "reset_state", needs: PAIR },
      list_data_diff_checks: { act: "list_data_diff_checks" },
      run_data_diff_checks: { act: "run_data_diff_checks" },
      rerun_data_diff_check: { act: "rerun_data_diff_check", needs: ["run-id", "remediation-ref"] },
    },
    values: ["check", "output-format", "run-id", "remediation-ref", "eventual", "iceberg-version"],
    flags: ["all", "include-versioned"],
    fullSync: {
      "tap-mysql": ["target-snowflake", "target-postgres"],
      "tap-postgres": ["target-snowflake", "target-postgres"],
      "tap-mongodb": ["target-snowflake", "target-postgres"],
    },
    partialSync: PARTIAL_SYNC_ROUTES,
    checksRouteFirst: true,
    replacesState: true,
  },
};

/** The dialect that STAND_IN_VERSION names, with its `version`. Throws Exit for a version that the stand-in does not speak. */
function chooseDialect(version = process.env.STAND_IN_VERSION ?? DEFAULT_VERSION) {
  if (Object.hasOwn(DIALECTS, version)) return { version, ...DIALECTS[version] };
  const known = Object.keys(DIALECTS).join(" or ");
  writeAll(
    2,
    `STAND_IN_VERSION is ${JSON.stringify(version)}. Set it to ${known}, or unset it for ${DEFAULT_VERSION}.\n`,
  );
  throw new Exit(2);
}

module.exports = { chooseDialect };
