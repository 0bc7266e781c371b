import { prepareInstall, scheduleState } from "../../crontab/install.ts";
import { changesSomething, type InstallPlan } from "../../crontab/plan.ts";
import type { Exporter } from "../../exporters/exporter.ts";
import { type PreparedPlan, planChangesSomething } from "../../exporters/plan.ts";
import { type Host, userName } from "../../host.ts";
import type { StatePaths } from "../../state-paths.ts";
import { readMachine } from "../machine.ts";
import { renderPlan } from "../render-changes.ts";
import { loadExporter } from "../scheduler.ts";
import { demandExportable, exportJob, loadSound, type SoundFile } from "./checked.ts";
import { renderSchedulerPlan } from "./plan-text.ts";

/** What an install on another scheduler starts from. */
export interface OnWish {
  /** The word behind `--on`. */
  readonly on: string;
  /** `--config-dir` */
  readonly configDir: string | undefined;
  readonly replace: boolean;
}

/** An install on another scheduler, worked out in full: nothing was written yet. */
export interface PreparedOn {
  readonly exporter: Exporter;
  readonly sound: SoundFile;
  readonly paths: StatePaths;
  /** Of what is stored. */
  readonly stored: InstallPlan;
  readonly prepared: PreparedPlan;
  readonly changesSomething: boolean;
  /** What changes, for people. */
  readonly text: string;
}

/** Works out an install on another scheduler, and says its warnings. */
export async function prepareOn(file: string, { on, configDir, replace }: OnWish, host: Host): Promise<PreparedOn> {
  const exporter = await loadExporter(on);
  const sound = await loadSound(file, host);
  const { schedule } = sound;
  const machine = readMachine(host);
  const paths = await scheduleState(schedule, configDir, host);
  const call = { node: host.node, program: host.program, schedule: schedule.name, configDir: paths.configDir };
  const job = exportJob(schedule, call, machine.zone, host);
  demandExportable(exporter, job, sound, host);
  const prepared = await exporter.prepareInstall(job, host, { replace });
  const elsewhere = { name: on, place: prepared.place, loose: prepared.loose ?? [] };
  const options = { configDir, replace, compileOnly: false, elsewhere };
  const { plan: stored, warnings } = await prepareInstall(schedule, options, machine);
  for (const warning of [...warnings, ...prepared.plan.warnings]) host.stderr.write(`warning: ${warning}\n`);
  return {
    exporter,
    sound,
    paths,
    stored,
    prepared,
    changesSomething: changesSomething(stored) || planChangesSomething(prepared.plan),
    text: renderSchedulerPlan(prepared.plan, exporter.title) + renderPlan(stored, userName(host)),
  };
}
