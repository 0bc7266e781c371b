import { parseArgs } from "node:util";
import { EXIT, errorMessage, UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import { listScheduleNames, readStored } from "../installed/store.ts";
import { DEFAULT_SCHEDULE_NAME, nameError } from "../pipeline-id.ts";
import { assertInstalled, installCommand } from "../run/plan.ts";
import { resolveConfigDir } from "../storage/config-dir.ts";
import { findStateDirectory } from "../storage/directory.ts";
import { statePaths } from "../storage/paths.ts";
import { tend } from "../tend/tend.ts";
import { formatError } from "./format-error.ts";

/** The arguments of `tend`. An option that was not given is `undefined`. */
interface TendRequest {
  readonly schedule: string | undefined;
  readonly configDir: string | undefined;
}

const HELP_HINT = "See: pipelinewise-sched tend --help";

function parseTendArguments(argv: readonly string[]): TendRequest {
  let values: { readonly schedule?: string | undefined; readonly "config-dir"?: string | undefined };
  try {
    const options = { schedule: { type: "string" }, "config-dir": { type: "string" } } as const;
    ({ values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }));
  } catch (error) {
    throw new UsageError(`tend: ${errorMessage(error)}`, HELP_HINT);
  }
  const { schedule, "config-dir": configDir } = values;
  const fault = schedule === undefined ? undefined : nameError(schedule);
  if (fault !== undefined) throw new UsageError(`--schedule: ${JSON.stringify(schedule)} ${fault}`, HELP_HINT);
  return { schedule, configDir };
}

/** Tends the schedule of a request. */
export async function tendSchedule(
  { schedule: name = DEFAULT_SCHEDULE_NAME, configDir: flag }: TendRequest,
  host: Host,
) {
  const at = host.now();
  const configDir = await resolveConfigDir(host, { flag });
  const paths = (await findStateDirectory(configDir, host.uid))?.paths ?? statePaths(configDir);
  const installed = await readStored(paths, name, host);
  if (installed === undefined && (await listScheduleNames(paths)).length > 0) {
    const { notInstalled } = await import("./not-installed.ts");
    throw await notInstalled(name, paths, "--schedule");
  }
  const isElsewhere = installed?.host?.compileOnly === true;
  const install = installCommand(
    { configDir: flag },
    isElsewhere,
    installed?.storedSchedule.source.path ?? "schedule.yml",
  );
  const { storedSchedule, host: stored } = assertInstalled(installed, { name, install, isElsewhere }, { paths, host });
  await tend({ host, paths, schedule: storedSchedule, install: stored, at });
}

/**
 * Executes `tend`, from its arguments to its exit code. A `tend` that has nothing to do loads little more than the
 * imports of this file.
 *
 * @param argv the arguments after `tend`
 */
export async function tendMain(argv: readonly string[], host: Host): Promise<number> {
  try {
    await tendSchedule(parseTendArguments(argv), host);
    return EXIT.ok;
  } catch (error) {
    const { text, exitCode } = formatError(error);
    host.stderr.write(text);
    return exitCode;
  }
}
