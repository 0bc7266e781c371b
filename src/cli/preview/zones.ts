import { findZone } from "../../cron/zone-names.ts";
import { StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { zoneOf } from "../../preview/upcoming.ts";
import type { Pipeline } from "../../schedule/schedule.ts";
import { readEtcTimezone, readMachineZone } from "../../system/time-zone.ts";

/** The time zones of a preview. */
export interface PreviewZones {
  readonly machineZone: string;
  /** Time zone of `--day`: the pipelines' zone, or the machine's if they have several. */
  readonly day: string;
  /** Sentences about the zones in use and about settings that contradict them. */
  readonly notes: readonly string[];
}

/** Finds the zones. The machine's zone is read only if a pipeline uses it, or if several zones need a common day. */
export function readZones(pipelines: readonly Pipeline[], { env, root }: Pick<Host, "env" | "root">): PreviewZones {
  const named = [...new Set(pipelines.flatMap(({ timezone }) => timezone ?? []))];
  const followsMachine = pipelines.some(({ timezone }) => timezone === undefined);
  const [only] = named;
  if (!followsMachine && only !== undefined && named.length === 1) {
    return { machineZone: only, day: only, notes: [`Local times are in ${only}, as set in the schedule.`] };
  }
  const { zone: machineName, source } = readMachineZone(root);
  const zone = findZone(machineName);
  if (zone === undefined) {
    throw new StoreError(`the machine's zone ${machineName} (from ${source}) is unknown to this Node`, {
      hint: "Set a `timezone` in the schedule that Node knows, or use a newer Node. To see the version of its time zone data: node -p process.versions.tz",
    });
  }
  const others = [...new Set(pipelines.map((pipeline) => zoneOf(pipeline, zone)))].filter((name) => name !== zone);
  const machine = `${machineName} (the machine's zone, from ${source})`;
  const note = `Local times are in ${[...(followsMachine ? [machine] : []), ...others].join(", ")}.`;
  return {
    machineZone: zone,
    day: zone,
    notes: [note, ...(followsMachine ? contradictions(machineName, env, root) : [])],
  };
}

/** Sentences about settings of the machine that name another zone, which cron does not use. */
function contradictions(zone: string, env: Host["env"], root: string): readonly string[] {
  const shell = env["TZ"] ?? "";
  const file = readEtcTimezone(root);
  return [
    ...(shell === "" || isZone(shell.replace(/^:/, ""), zone)
      ? []
      : [`TZ=${shell} is set in this shell, but cron does not use it.`]),
    ...(file === undefined || isZone(file, zone) ? [] : [`/etc/timezone says ${file}, but cron does not read it.`]),
  ];
}

const isZone = (setting: string, zone: string): boolean => {
  const name = setting.replace(/^.*\/zoneinfo\//, "");
  return name === zone || (findZone(name) !== undefined && findZone(name) === findZone(zone));
};
