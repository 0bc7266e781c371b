import { dirname } from "node:path";
import { StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { entryPath } from "../../pipeline-id.ts";
import { type CronicleSettings, hasTimes } from "../../schedule/schedule.ts";
import { catchUpWarning } from "../catch-up-warning.ts";
import type { Mark, TakeOver } from "../owner-mark.ts";
import {
  configDirOf,
  decadesFrom,
  type InstallJob,
  type InstallProblem,
  type PreparedInstall,
  type PreparedPlan,
  type Scheduler,
  type SchedulerInstall,
  type StoredAtScheduler,
} from "../scheduler.ts";
import { absoluteReference, readKey } from "./api-key.ts";
import { applyActions, assertSettled } from "./apply.ts";
import { type CallTiming, type CronicleCall, cronicleApi, LOOK_TIMING } from "./client.ts";
import {
  describeAction,
  eventDigest,
  type FoundEvent,
  isEnabled,
  isRetired,
  ownEvents,
  planEvents,
  planRemoval,
} from "./diff.ts";
import { type CronicleEvent, isEventOf, newEvent, pipelineEvents, tendEventId, tendEvents } from "./event.ts";
import { findCategory, newCategory, readCategories, readEvents } from "./read.ts";
import { mayFireEarly } from "./starts.ts";
import { disabledWarning, findWarnings, timeoutWarnings } from "./warnings.ts";

/** Cronicle, through its API: an event for each pipeline. Nothing else in Cronicle is changed. */
export const cronicle: Scheduler = {
  name: "cronicle",
  title: "Cronicle",
  removeByHand: "delete its events in Cronicle by hand",
  needsConfigDir: true,
  hasWorkers: true,
  horizon: decadesFrom,
  check: ({ schedule }) => [
    ...(schedule.cronicle === undefined
      ? [{ severity: "error" as const, path: [], message: NO_SETTINGS, hint: SETTINGS_HINT }]
      : []),
    ...catchUpWarning(schedule, "Cronicle", USE_RUN_ALL),
  ],
  candidates: (job) =>
    job.schedule.pipelines
      .filter((pipeline) => mayFireEarly({ ...pipeline, zone: pipeline.timezone ?? job.machineZone }, job.horizon))
      .map(entryPath),
  render: (job) => [{ name: `cronicle-${job.schedule.name}.json`, text: renderEvents(job) }],
  isExport: (text) => text.startsWith(`{\n  "about": "${EXPORT_TITLE} `),
  prepareInstall,
  prepareUninstall,
  inspect,
};

const USE_RUN_ALL =
  "In Cronicle, set *Run All Mode* of an event to run what it missed. Remove the key if this schedule runs only there.";
const NO_SETTINGS = "the schedule has no `cronicle` settings";
const SETTINGS_HINT = `Add \`cronicle: {url: http://HOST:3012, key: "\${file:PATH}", target: HOST}\`, where PATH is a file of mode 0600 that contains an API key.`;

function settingsOf({ schedule }: InstallJob): CronicleSettings {
  if (schedule.cronicle !== undefined) return schedule.cronicle;
  throw new Error("a schedule without Cronicle's settings was not refused");
}

const markOf = (job: InstallJob): Mark => ({
  schedule: job.schedule.name,
  configDir: configDirOf(job),
  source: job.schedule.source.path,
});

function eventsOf(job: InstallJob, category: string): readonly CronicleEvent[] {
  const frame = { ...job, mark: markOf(job), category, target: settingsOf(job).target };
  return [
    ...job.schedule.pipelines.filter(hasTimes).flatMap((pipeline) => pipelineEvents(pipeline, frame)),
    ...(job.isTended === true ? tendEvents(frame) : []),
  ];
}

const EXPORT_TITLE = "Events of the schedule";

/** The parameters of `create_event`, for people to read. */
function renderEvents(job: InstallJob): string {
  const events = eventsOf(job, settingsOf(job).category).map(newEvent);
  const about = `${EXPORT_TITLE} ${job.schedule.name} for Cronicle's create_event. \`install --on cronicle\` sends them. Run \`install --compile-only\` on the server that runs them.`;
  return `${JSON.stringify({ about, events }, undefined, 2)}\n`;
}

/** Opens the API. @param key reference to the API key */
async function openApi(urls: readonly string[], key: string, host: Host, timing?: CallTiming): Promise<CronicleCall> {
  const tell = (line: string) => host.stderr.write(`${line}\n`);
  return cronicleApi({ urls, key: await readKey(key, host) }, { tell, ...(timing === undefined ? {} : { timing }) });
}

async function prepareInstall(job: InstallJob, host: Host, takeOver: TakeOver): Promise<PreparedInstall> {
  const { schedule } = job;
  const { urls, key, category: wish, target } = settingsOf(job);
  const reference = absoluteReference(key, dirname(schedule.source.path), host);
  const call = await openApi(urls, reference, host);
  const [found, categories] = [await readEvents(call), await readCategories(call)];
  const category = findCategory(categories, wish);
  const fresh = category === undefined ? newCategory(wish, categories) : undefined;
  const wanted = eventsOf(job, category?.id ?? fresh?.id ?? wish);
  const actions = planEvents(found, wanted, { mark: markOf(job), takeOver });
  const categoryChange =
    fresh === undefined ? [] : [{ kind: "created" as const, what: `category ${wish}`, differences: [] }];
  return {
    plan: {
      changes: [...categoryChange, ...actions.map(describeAction)],
      warnings: [
        ...(await findWarnings(call, { found, wanted, category, target })),
        ...timeoutWarnings(found, { ...schedule, entries: schedule.pipelines }),
      ],
    },
    stored: {
      place: { urls: urls.join(" "), key: reference },
      written: Object.fromEntries(wanted.map((event) => [event.id, eventDigest({ ...event })])),
    },
    apply: async () => {
      const left = await applyActions(call, actions, fresh);
      await assertSettled(call, wanted);
      return left;
    },
  };
}

const openInstalled = (
  { place: { urls = "", key = "" } }: SchedulerInstall,
  host: Host,
  timing?: CallTiming,
): Promise<CronicleCall> => openApi(urls.split(" "), key, host, timing);

/** Looks for the events of each entry, and whether they are enabled and as they were written. */
async function inspect(stored: StoredAtScheduler, host: Host): Promise<readonly InstallProblem[]> {
  const { name, configDir, entries, written, limits } = stored;
  const found = await readEvents(await openInstalled(stored, host, LOOK_TIMING));
  const ours = ownEvents(found, { schedule: name, configDir }).filter((event) => !isRetired(event));
  const ofEntries = entries.filter(hasTimes).map((entry) => {
    const events = ours.filter(({ id }) => isEventOf(name, entry, id));
    const ids = new Set(events.map(({ id }) => id));
    const isWhole = Object.keys(written).every((id) => !isEventOf(name, entry, id) || ids.has(id));
    return { path: entryPath(entry), events, isMissing: events.length === 0 || !isWhole };
  });
  const tendId = tendEventId(name);
  const ofTend = written[tendId] === undefined ? undefined : ours.filter(({ id }) => id === tendId);
  const checked = [...ofEntries, ...(ofTend === undefined ? [] : [{ path: undefined, events: ofTend }])];
  const problems = (isFaulty: (event: FoundEvent) => boolean, problem: (event: FoundEvent) => InstallProblem) =>
    checked.flatMap(({ path, events }) =>
      events.filter(isFaulty).map((event) => ({ ...problem(event), entries: path === undefined ? [] : [path] })),
    );
  const missing = ofEntries.filter(({ isMissing }) => isMissing).map(({ path }) => path);
  const message = `Cronicle lacks events of ${missing.length} of the ${ofEntries.length} entries of the schedule ${name}, so it does not start them as they were installed`;
  return [
    ...(missing.length === 0 ? [] : [{ message, differs: true, entries: missing }]),
    ...(ofTend?.length === 0
      ? [{ message: `Cronicle lacks the event that tends the schedule ${name}`, differs: true, entries: [] }]
      : []),
    ...problems(
      (event) => (written[event.id] ?? eventDigest(event)) !== eventDigest(event),
      ({ title, id }) => ({
        message: `the times or the command of the event ${title ?? id} were edited in Cronicle after it was installed`,
        differs: true,
      }),
    ),
    ...problems(
      (event) => !isEnabled(event),
      (event) => ({ message: disabledWarning(event), differs: false }),
    ),
    ...timeoutWarnings(ours, { name, entries, limits }).map((message) => ({ message, differs: false, entries: [] })),
  ];
}

async function prepareUninstall(stored: SchedulerInstall, host: Host): Promise<PreparedPlan> {
  const { name, configDir } = stored;
  const call = await openInstalled(stored, host);
  const actions = planRemoval(await readEvents(call), { schedule: name, configDir });
  return {
    plan: { changes: actions.map(describeAction), warnings: [] },
    apply: async () => {
      const left = await applyActions(call, actions, undefined);
      if (left.length > 0) throw new StillAtWorkError(left);
      return [
        "The category was left in place because other events may use it. Cronicle keeps the history of the jobs until it expires.",
      ];
    },
  };
}

/** Some events could not be deleted. They are disabled, so they start nothing. */
class StillAtWorkError extends StoreError {
  constructor(left: readonly string[]) {
    super(left.join("\n"), { hint: "Wait until they end, or abort them in Cronicle, then uninstall again." });
  }
}
