import { execFile } from "node:child_process";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { errorCode, errorMessage, StoreError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { contentDigest } from "../../installed/compile.ts";
import type { StoredEntry } from "../../installed/schedule.ts";
import { entryPath } from "../../pipeline-id.ts";
import { hasTimes } from "../../schedule/schedule.ts";
import { absolutePath } from "../../storage/config-dir.ts";
import { ioError } from "../../storage/store-error.ts";
import type { TakeOver } from "../owner-mark.ts";
import {
  configDirOf,
  decadesFrom,
  type InstallJob,
  type InstallProblem,
  NothingDoneError,
  type PreparedInstall,
  type PreparedPlan,
  type Scheduler,
  type SchedulerInstall,
  type StoredAtScheduler,
} from "../scheduler.ts";
import { calendarOf } from "./calendar.ts";
import {
  type FoundUnits,
  isOf,
  planRemoval,
  planUnits,
  stateDifferences,
  timersToStart,
  type UnitChange,
} from "./diff.ts";
import { startLimitWarnings } from "./start-limits.ts";
import {
  assertCalendars,
  findSystemctl,
  LOOK_LIMITS,
  lingerNote,
  readStates,
  type Scope,
  type Systemctl,
} from "./systemctl.ts";
import { readUnitMark, readUnits, removeUnit, writeUnit } from "./unit-files.ts";
import { tendUnitNames, unitName, unitsOf } from "./units.ts";

/** systemd timers: a service and a timer for each pipeline. Root uses the system manager, other users their own. */
export const systemd: Scheduler = {
  name: "systemd",
  title: "systemd",
  removeByHand: "disable its timers and delete its units by hand",
  needsConfigDir: true,
  hasWorkers: false,
  horizon: decadesFrom,
  check: () => [],
  candidates: (job) =>
    job.schedule.pipelines.filter((pipeline) => calendarOf(pipeline, job).mayFireEarly).map(entryPath),
  render: (job) => unitsOf(job, { user: job.schedule.systemd?.user, remarks: REMARKS }),
  isExport: (text) => readUnitMark(text) !== undefined,
  prepareInstall,
  prepareUninstall,
  inspect,
};

/** Instructions for exported units. */
const REMARKS = [
  "On the machine, as the user who runs PipelineWise: `pipelinewise-sched install --compile-only FILE` stores the schedule that the runs read.",
  "Copy the units to ~/.config/systemd/user, or to /etc/systemd/system with User= in each service, which `systemd: {user: NAME}` in the schedule file writes.",
  "Then: systemctl --user daemon-reload; systemctl --user enable --now TIMER…",
];

/** Location of a user's units, see systemd.unit(5). */
interface UnitLocation {
  readonly scope: Scope;
  readonly directory: string;
}

function unitLocation(host: Host): UnitLocation {
  if (host.uid === 0) return { scope: "system", directory: join(host.root, "etc/systemd/system") };
  const config = host.env["XDG_CONFIG_HOME"] || absolutePath("~/.config", "/", host);
  return { scope: "user", directory: join(config, "systemd/user") };
}

async function prepareInstall(job: InstallJob, host: Host, takeOver: TakeOver): Promise<PreparedInstall> {
  const { scope, directory } = unitLocation(host);
  await assertUser(job, scope, host);
  const user = scope === "system" ? (job.schedule.systemd?.user ?? userName(host)) : undefined;
  const wanted = unitsOf(job, { user, remarks: [] });
  await assertCalendars(wanted, host);
  const systemctl = await findSystemctl(scope, host);
  const names = wanted.map(({ name }) => name);
  const found = await findUnits(directory, names, systemctl);
  const { states } = found;
  const own = { schedule: job.schedule.name, source: job.schedule.source.path, configDir: configDirOf(job) };
  const changes = planUnits(wanted, found, own, takeOver);
  const { enable, restart } = timersToStart(changes, states);
  return {
    plan: {
      changes: changes.map(({ planned }) => planned),
      warnings: [
        ...(await findDropIns(changes, directory)),
        ...startLimitWarnings({ ...job.schedule, entries: job.schedule.pipelines }, states),
      ],
    },
    stored: {
      place: { scope, folder: directory },
      written: Object.fromEntries(wanted.map(({ name, text }) => [name, contentDigest(text)])),
    },
    apply: async () => {
      await changeUnits(changes, directory, systemctl);
      if (systemctl === undefined) return [startByHand({ scope, directory }, enable, host)];
      await afterWriting(systemctl, { enable, restart });
      return scope === "system" ? [] : await lingerNote(host);
    },
  };
}

/** The units of this program in a directory, and the states of some of them. Both `diff` and `status` compare these. */
async function findUnits(
  directory: string,
  names: readonly string[],
  systemctl: Systemctl | undefined,
): Promise<FoundUnits> {
  const states = systemctl === undefined ? undefined : await readStates(systemctl, names);
  return { directory, units: await readUnits(directory), states };
}

/** Refuses a `systemd.user` whose runs would fail. @throws StoreError */
async function assertUser(job: InstallJob, scope: Scope, host: Host): Promise<void> {
  const user = job.schedule.systemd?.user;
  if (user === undefined) return;
  if (scope === "user") {
    if (user === userName(host)) return;
    throw new StoreError(`systemd.user is ${user}, and only root can install units of another user`, {
      hint: `Install as root, or as ${user}, or remove systemd.user.`,
    });
  }
  const id = await promisify(execFile)("id", ["-u", "--", user]).catch((error) => {
    throw new StoreError(`systemd.user: this machine has no user ${user}`, {
      cause: error,
      hint: "Correct systemd.user in the schedule file, or create the user.",
    });
  });
  const configDir = configDirOf(job);
  const owner = await stat(configDir).catch((error) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw ioError("read", configDir, error);
  });
  if (owner === undefined || owner.uid === Number(id.stdout)) return;
  throw new StoreError(`systemd.user: ${configDir} belongs to user ${owner.uid}, not to ${user}`, {
    hint: `Set pipelinewise.config_dir in the schedule file to the config directory of ${user}, or correct systemd.user.`,
  });
}

/**
 * Warnings about the drop-ins of removed units, such as units with an earlier name: without its unit, systemd ignores a
 * drop-in.
 */
async function findDropIns(changes: readonly UnitChange[], directory: string): Promise<readonly string[]> {
  const removed = changes.filter(({ unit }) => unit === undefined).map(({ name }) => join(directory, `${name}.d`));
  const found = await Promise.all(
    removed.map((path) =>
      access(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  return found
    .flat()
    .map(
      (path) =>
        `${path} has no effect without its unit: move its files to the directory of the new unit, or delete it.`,
    );
}

/** Removes and writes unit files. Stops a timer before it removes it; a current run continues. */
async function changeUnits(
  changes: readonly UnitChange[],
  directory: string,
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
      await removeUnit(directory, name);
      done.push(name);
    }
    for (const { name, unit, planned } of changes) {
      if (unit === undefined || planned.kind === "unchanged") continue;
      await writeUnit(directory, unit);
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

const notRunning = (scope: Scope, host: Host): string =>
  scope === "user"
    ? `no systemd user manager of ${userName(host)} is running here (loginctl enable-linger ${userName(host)} starts it)`
    : "systemd is not running here";

function startByHand({ scope, directory }: UnitLocation, timers: readonly string[], host: Host): string {
  const ofUser = scope === "user";
  const systemctl = ofUser ? "systemctl --user" : "systemctl";
  return `${notRunning(scope, host)}; where it is running: cd ${directory} && ${systemctl} daemon-reload && ${systemctl} enable --now ${timers.join(" ")}`;
}

/** Looks for the units of each entry, and asks systemd whether they are loaded and started. */
async function inspect(
  { name: schedule, configDir, place, entries, written, limits }: StoredAtScheduler,
  host: Host,
): Promise<readonly InstallProblem[]> {
  const { scope, directory } = locationOf(place);
  const systemctl = await findSystemctl(scope, host, LOOK_LIMITS);
  if (systemctl === undefined) return [{ message: notRunning(scope, host), differs: false }];
  const started = entries.filter(hasTimes);
  const unitsOfEntry = (entry: StoredEntry): readonly string[] =>
    ["service", "timer"].map((kind) => `${unitName(schedule, entry)}.${kind}`);
  const tendUnits = tendUnitNames(schedule).filter((unit) => written[unit] !== undefined);
  const { units, states } = await findUnits(directory, [...started.flatMap(unitsOfEntry), ...tendUnits], systemctl);
  const isAsInstalled = (name: string): boolean => {
    const unit = units.get(name);
    if (unit === undefined || !isOf(unit.mark, { schedule, configDir })) return false;
    const isEdited = (written[name] ?? contentDigest(unit.text)) !== contentDigest(unit.text);
    return !isEdited && stateDifferences(name, states?.get(name)).length === 0;
  };
  const isFaulty = (unit: string): boolean => !isAsInstalled(unit);
  const affected = started.filter((entry) => unitsOfEntry(entry).some(isFaulty));
  const short = startLimitWarnings({ name: schedule, entries, limits }, states).map((message) => ({
    message,
    differs: false,
    entries: [],
  }));
  const faultyTend = tendUnits.filter(isFaulty);
  const notTended: readonly InstallProblem[] =
    faultyTend.length === 0
      ? []
      : [
          {
            message: `systemd does not tend the schedule ${schedule} as it was installed: these units are missing, edited, disabled, stopped, or not reloaded since they changed: ${faultyTend.join(", ")}`,
            differs: true,
            entries: [],
          },
        ];
  if (affected.length === 0) return [...short, ...notTended];
  const names = affected.flatMap(unitsOfEntry).filter(isFaulty).join(", ");
  return [
    ...short,
    ...notTended,
    {
      message: `systemd does not start ${affected.length} of the ${started.length} entries of the schedule ${schedule} as they were installed: these units are missing, edited, disabled, stopped, or not reloaded since they changed: ${names}`,
      differs: true,
      entries: affected.map(entryPath),
    },
  ];
}

async function prepareUninstall({ name, configDir, place }: SchedulerInstall, host: Host): Promise<PreparedPlan> {
  const { scope, directory } = locationOf(place);
  const changes = planRemoval({ units: await readUnits(directory) }, { schedule: name, configDir });
  return {
    plan: { changes: changes.map(({ planned }) => planned), warnings: [] },
    apply: async () => {
      const systemctl = await findSystemctl(scope, host);
      await changeUnits(changes, directory, systemctl);
      await systemctl?.("daemon-reload");
      return [];
    },
  };
}

function locationOf({ scope, folder: directory }: SchedulerInstall["place"]): UnitLocation {
  if ((scope !== "system" && scope !== "user") || directory === undefined)
    throw new StoreError("the stored schedule does not say where its units are", {
      hint: "Install it on systemd again, then uninstall it.",
    });
  return { scope, directory };
}
