import { dirname } from "node:path";
import { StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { entryPath } from "../../pipeline-id.ts";
import type { CronicleSettings } from "../../schedule/schedule.ts";
import type { Mark } from "../owner-mark.ts";
import type { ExportedSchedule, Exporter, ExportJob, PreparedPlan } from "../scheduler.ts";
import { absoluteReference, readKey } from "./api-key.ts";
import { applyActions, demandSettled } from "./apply.ts";
import { type CronicleCall, cronicleApi } from "./client.ts";
import { describeAction, planEvents, planRemoval } from "./diff.ts";
import { type CronicleEvent, pipelineEvents } from "./event.ts";
import { findCategory, newCategory, readCategories, readEvents } from "./read.ts";
import { isLoose } from "./starts.ts";
import { findWarnings } from "./warnings.ts";

/** Cronicle, by its API: an event for each pipeline, and nothing else of it is touched. */
export const cronicle: Exporter = {
  name: "cronicle",
  title: "Cronicle",
  check: ({ schedule }) =>
    schedule.cronicle === undefined ? [{ severity: "error", path: [], message: NO_SETTINGS, hint: SETTINGS_HINT }] : [],
  render: (job) => [{ name: `cronicle-${job.schedule.name}.json`, text: renderEvents(job) }],
  prepareInstall,
  prepareUninstall,
};

const NO_SETTINGS = "the schedule has no `cronicle` settings";
const SETTINGS_HINT = `Add \`cronicle: {url: http://HOST:3012, key: "\${file:PATH}", target: HOST}\`, where PATH is a file of mode 0600 that contains an API key.`;

function settingsOf({ schedule }: ExportJob): CronicleSettings {
  if (schedule.cronicle !== undefined) return schedule.cronicle;
  throw new Error("a schedule without Cronicle's settings was not refused");
}

const markOf = ({ schedule, call }: ExportJob): Mark => ({
  schedule: schedule.name,
  configDir: call.configDir,
  source: schedule.source.path,
});

const eventsOf = (job: ExportJob, category: string): readonly CronicleEvent[] =>
  job.schedule.pipelines.flatMap((pipeline) =>
    pipelineEvents(pipeline, { ...job, mark: markOf(job), category, target: settingsOf(job).target }),
  );

/** What `create_event` takes, for people to look at. */
function renderEvents(job: ExportJob): string {
  const events = eventsOf(job, settingsOf(job).category);
  const about = `Events of the schedule ${job.schedule.name} for Cronicle's create_event. \`install --on cronicle\` sends them. Run \`install --compile-only\` on the server that runs them.`;
  return `${JSON.stringify({ about, events }, undefined, 2)}\n`;
}

/** @param key its reference */
async function openApi(urls: readonly string[], key: string, host: Host): Promise<CronicleCall> {
  return cronicleApi({ urls, key: await readKey(key, host) }, { tell: (line) => host.stderr.write(`${line}\n`) });
}

async function prepareInstall(
  job: ExportJob,
  host: Host,
  { replace }: { readonly replace: boolean },
): Promise<PreparedPlan> {
  const { urls, key, category: wish, target } = settingsOf(job);
  const reference = absoluteReference(key, dirname(job.schedule.source.path), host);
  const call = await openApi(urls, reference, host);
  const [found, categories] = [await readEvents(call), await readCategories(call)];
  const category = findCategory(categories, wish);
  const fresh = category === undefined ? newCategory(wish, categories) : undefined;
  const wanted = eventsOf(job, category?.id ?? fresh?.id ?? wish);
  const actions = planEvents(found, wanted, { mark: markOf(job), replace });
  const categoryChange =
    fresh === undefined ? [] : [{ kind: "created" as const, what: `category ${wish}`, differences: [] }];
  return {
    plan: {
      changes: [...categoryChange, ...actions.map(describeAction)],
      warnings: await findWarnings(call, { found, category, target }),
    },
    place: { urls: urls.join(" "), key: reference },
    loose: job.schedule.pipelines
      .filter((pipeline) => isLoose({ ...pipeline, zone: pipeline.timezone ?? job.machineZone }, job.horizon))
      .map(entryPath),
    apply: async () => {
      const left = await applyActions(call, actions, fresh);
      await demandSettled(call, wanted);
      return left;
    },
  };
}

async function prepareUninstall({ name, configDir, place }: ExportedSchedule, host: Host): Promise<PreparedPlan> {
  const { urls = "", key = "" } = place;
  const call = await openApi(urls.split(" "), key, host);
  const actions = planRemoval(await readEvents(call), { schedule: name, configDir });
  return {
    plan: { changes: actions.map(describeAction), warnings: [] },
    place,
    apply: async () => {
      const left = await applyActions(call, actions, undefined);
      if (left.length > 0) throw new StillAtWorkError(left);
      return [
        "The category was left in place because other events may use it. Cronicle keeps the history of the jobs until it expires.",
      ];
    },
  };
}

/** Events that could not be deleted: they start nothing any more. */
class StillAtWorkError extends StoreError {
  constructor(left: readonly string[]) {
    super(left.join("\n"), { hint: "Wait until they end, or abort them in Cronicle, then uninstall again." });
  }
}
