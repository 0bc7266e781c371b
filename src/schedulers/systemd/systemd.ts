import { join } from "node:path";
import { errorMessage, StoreError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { entryPath } from "../../pipeline-id.ts";
import { absolutePath } from "../../storage/config-dir.ts";
import {
  type ExportedSchedule,
  type Exporter,
  type ExportJob,
  NothingDoneError,
  type PreparedPlan,
} from "../scheduler.ts";
import { calendarOf } from "./calendar.ts";
import { planRemoval, planUnits, timersToStart, type UnitChange } from "./diff.ts";
import { demandCalendars, findSystemctl, lingerNote, readStates, type Scope, type Systemctl } from "./systemctl.ts";
import { readUnits, removeUnit, writeUnit } from "./unit-files.ts";
import { PREFIX, unitsOf } from "./units.ts";

/** systemd timers: a service and a timer for each pipeline, root's in the system's manager, others' in their own. */
export const systemd: Exporter = {
  name: "systemd",
  title: "systemd",
  check: () => [],
  render: (job) => unitsOf(job, { user: undefined, remarks: REMARKS }),
  prepareInstall,
  prepareUninstall,
};

/** What is to be done by hand with units that were exported. */
const REMARKS = [
  "On the machine, as the user who runs PipelineWise: `pipelinewise-sched install --compile-only FILE` stores the schedule that the runs read.",
  "Copy the units to ~/.config/systemd/user, or to /etc/systemd/system with User= in each service.",
  "Then: systemctl --user daemon-reload; systemctl --user enable --now TIMER…",
];

/** Where the units of a user go: systemd.unit(5). */
interface UnitPlace {
  readonly scope: Scope;
  readonly folder: string;
}

function unitPlace(host: Host): UnitPlace {
  if (host.uid === 0) return { scope: "system", folder: join(host.root, "etc/systemd/system") };
  const config = host.env["XDG_CONFIG_HOME"] || absolutePath("~/.config", "/", host);
  return { scope: "user", folder: join(config, "systemd/user") };
}

async function prepareInstall(
  job: ExportJob,
  host: Host,
  { replace }: { readonly replace: boolean },
): Promise<PreparedPlan> {
  const { scope, folder } = unitPlace(host);
  const wanted = unitsOf(job, { user: scope === "system" ? userName(host) : undefined, remarks: [] });
  await demandCalendars(wanted, host);
  const systemctl = await findSystemctl(scope, host);
  const names = wanted.map(({ name }) => name);
  const states = systemctl === undefined ? undefined : await readStates(systemctl, names);
  const own = { schedule: job.schedule.name, source: job.schedule.source.path, configDir: job.call.configDir };
  const changes = planUnits(wanted, { folder, units: await readUnits(folder), states }, own, { replace });
  const { enable, restart } = timersToStart(changes, states);
  return {
    plan: { changes: changes.map(({ planned }) => planned), warnings: [] },
    place: { scope, folder },
    loose: job.schedule.pipelines.filter((pipeline) => calendarOf(pipeline, job).isLoose).map(entryPath),
    apply: async () => {
      await changeUnits(changes, folder, systemctl);
      if (systemctl === undefined) return [startByHand({ scope, folder }, job.schedule.name, host)];
      await afterWriting(systemctl, { enable, restart });
      return scope === "system" ? [] : await lingerNote(host);
    },
  };
}

/** Removes and writes unit files. Timers that go are stopped before; a run that goes on ends by itself. */
async function changeUnits(
  changes: readonly UnitChange[],
  folder: string,
  systemctl: Systemctl | undefined,
): Promise<void> {
  const done: string[] = [];
  try {
    const gone = changes.filter(({ unit }) => unit === undefined).map(({ name }) => name);
    const timers = gone.filter((name) => name.endsWith(".timer"));
    if (systemctl !== undefined && timers.length > 0) {
      await systemctl("disable", "--now", ...timers);
      done.push(...timers);
    }
    for (const name of gone) {
      await removeUnit(folder, name);
      done.push(name);
    }
    for (const { name, unit, planned } of changes) {
      if (unit === undefined || planned.kind === "unchanged") continue;
      await writeUnit(folder, unit);
      done.push(name);
    }
  } catch (error) {
    if (done.length === 0) throw new NothingDoneError(errorMessage(error), { ...hintOf(error), cause: error });
    throw new StoreError(`${errorMessage(error)}; already done: ${[...new Set(done)].join(", ")}`, {
      cause: error,
      hint: "Fix that, then run the same command again: it does the rest.",
    });
  }
}

const hintOf = (error: unknown): { hint?: string } =>
  error instanceof StoreError && error.hint !== undefined ? { hint: error.hint } : {};

async function afterWriting(
  systemctl: Systemctl,
  { enable, restart }: { readonly enable: readonly string[]; readonly restart: readonly string[] },
): Promise<void> {
  try {
    await systemctl("daemon-reload");
    if (enable.length > 0) await systemctl("enable", "--now", ...enable);
    if (restart.length > 0) await systemctl("restart", ...restart);
  } catch (error) {
    throw new StoreError(`the unit files were written, but ${errorMessage(error)}`, {
      cause: error,
      hint: "Fix that, then run the same command again: it does the rest.",
    });
  }
}

function startByHand({ scope, folder }: UnitPlace, schedule: string, host: Host): string {
  const ofUser = scope === "user";
  const systemctl = ofUser ? "systemctl --user" : "systemctl";
  const timers = `${PREFIX}${schedule.replaceAll("-", "--")}-*.timer`;
  const why = ofUser
    ? `no systemd user manager of ${userName(host)} is running here (loginctl enable-linger ${userName(host)} starts it)`
    : "systemd is not running here";
  return `${why}; where it is running: cd ${folder} && ${systemctl} daemon-reload && ${systemctl} enable --now ${timers}`;
}

async function prepareUninstall({ name, configDir, place }: ExportedSchedule, host: Host): Promise<PreparedPlan> {
  const { scope, folder } = placeOf(place);
  const changes = planRemoval({ units: await readUnits(folder) }, { schedule: name, configDir });
  return {
    plan: { changes: changes.map(({ planned }) => planned), warnings: [] },
    place,
    apply: async () => {
      const systemctl = await findSystemctl(scope, host);
      await changeUnits(changes, folder, systemctl);
      await systemctl?.("daemon-reload");
      return [];
    },
  };
}

function placeOf({ scope, folder }: ExportedSchedule["place"]): UnitPlace {
  if ((scope !== "system" && scope !== "user") || folder === undefined)
    throw new StoreError("the stored schedule does not say where its units are", {
      hint: "Install it on systemd again, then uninstall it.",
    });
  return { scope, folder };
}
