import type { StoredEntry, StoredInstall, StoredSchedule } from "../installed/schedule.ts";
import { needsRenewal } from "../installed/zones.ts";
import { type EntryId, entryKey, entryLabel } from "../pipeline-id.ts";
import { ANY_HOST } from "../storage/paths.ts";

const keyOf = (entry: EntryId): string => `${entry.tap}\n${entry.target}\n${entryKey(entry)}`;

const differs = (one: unknown, other: unknown): boolean => JSON.stringify(one) !== JSON.stringify(other);

const PARTS: readonly (readonly [keyof StoredEntry, string])[] = [
  ["crons", "times"],
  ["after", "the pipelines after which it runs"],
  ["timezone", "time zone"],
  ["note", "note"],
  ["args", "arguments of PipelineWise's command"],
  ["source", "source"],
  ["policies", "run policies"],
];

function entryChange(before: StoredEntry, after: StoredEntry): string | undefined {
  const parts = PARTS.filter(([part]) => differs(before[part], after[part])).map(([, words]) => words);
  return parts.length === 0 ? undefined : `~ ${entryLabel(after)}: ${parts.join(", ")}`;
}

/**
 * Describes the changes of the stored schedule, one per line: `+` added, `-` removed, `~` changed. Does not show
 * values, because an environment may contain secrets.
 */
export function describeSchedule(before: StoredSchedule | undefined, after: StoredSchedule): readonly string[] {
  const old = new Map(before?.entries.map((entry) => [keyOf(entry), entry]));
  const kept = new Set(after.entries.map(keyOf));
  const lines = after.entries.map((entry) => {
    const known = old.get(keyOf(entry));
    return known === undefined ? `+ ${entryLabel(entry)}` : entryChange(known, entry);
  });
  const gone = [...old].filter(([key]) => !kept.has(key)).map(([, entry]) => `- ${entryLabel(entry)}`);
  const rest =
    before === undefined
      ? []
      : [
          before.source.path === after.source.path ? "" : `~ from ${after.source.path}, not ${before.source.path}`,
          differs(before.env, after.env) ? "~ environment" : "",
          before.envFile === after.envFile ? "" : "~ env file",
          differs(before.metrics, after.metrics) ? "~ metrics file" : "",
          differs(before.limits, after.limits) ? "~ limits" : "",
        ];
  const told = [...lines, ...gone, ...rest].filter((line) => line !== undefined).filter((line) => line !== "");
  if (told.length > 0 || before === undefined || !differs(before, after)) return told;
  return ["~ schedule file changed, but not its meaning"];
}

/** Describes the changes of one host's stored install. */
export function describeInstall(before: StoredInstall | undefined, after: StoredInstall): readonly string[] {
  const names = Object.keys(after.on ?? {});
  const told = (name: string, { on }: StoredInstall): string | undefined => on?.[name]?.digest;
  const fresh = names.filter((name) => before?.on?.[name] === undefined).map((name) => `+ on ${name}`);
  if (before === undefined) return [`+ installed on ${after.host === ANY_HOST ? "any host" : after.host}`, ...fresh];
  const parts = {
    "PipelineWise's command": differs(before.command, after.command),
    "the name of PipelineWise's fast sync command": before.fastSync !== after.fastSync,
    "the programs of the hooks": differs(before.hookPrograms, after.hookPrograms),
    Node: before.node !== after.node,
    "this program": before.program !== after.program,
    PIPELINEWISE_HOME: before.pipelinewiseHome !== after.pipelinewiseHome,
    "the machine's time zone": before.machineZone !== after.machineZone,
    user: before.user !== after.user,
    [`the name of this host, which was ${before.host}`]: before.host !== after.host,
    "the daylight-saving rules of its time zones": before.zones?.data !== after.zones?.data,
    "the date until which the lines are valid":
      before.zones !== undefined && needsRenewal(before.zones, new Date(after.installedAt)),
  };
  const retold = names.filter((name) => told(name, before) !== undefined && told(name, before) !== told(name, after));
  return [
    ...Object.entries(parts)
      .filter(([, changed]) => changed)
      .map(([what]) => `~ ${what}`),
    ...names
      .filter((name) => !retold.includes(name) && differs(before.on?.[name]?.written, after.on?.[name]?.written))
      .filter((name) => !fresh.includes(`+ on ${name}`))
      .map((name) => `~ the digests of what is in ${name}`),
    ...retold.map((name) => `~ the schedule in ${name}`),
    ...names.flatMap((name) => movedPlace(name, before, after)),
    ...fresh,
  ];
}

/** An installation at another scheduler's previous location is no longer under this program's control. */
function movedPlace(name: string, before: StoredInstall, after: StoredInstall): readonly string[] {
  const [old = {}, now = {}] = [before.on?.[name]?.place, after.on?.[name]?.place];
  return Object.entries(old)
    .filter(([what, value]) => now[what] !== value)
    .map(([what, value]) => `~ ${name} location changed (${what} was ${value}); the old installation is left in place`);
}
