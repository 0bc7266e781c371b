import type { ZoneTable } from "../cron/zone-table.ts";
import {
  connectorIdError,
  ENTRY_COMMANDS,
  type EntryCommand,
  FAST_SYNC_NAMES,
  nameError,
  type PipelineId,
} from "../pipeline-id.ts";
import {
  type Hook,
  type Limits,
  type OverlapPolicy,
  type Policies,
  RETRY_OUTCOMES,
  type RetryPolicy,
} from "../policies.ts";
import {
  absolute,
  type Fields,
  GarbledError,
  instant,
  list,
  number,
  object,
  oneOf,
  optional,
  optionalNumber,
  record,
  string,
  word,
} from "./decode-values.ts";
import type { OnScheduler, StoredEntry, StoredInstall, StoredSchedule, ZoneRecord } from "./schedule.ts";

function decodeHook(value: unknown, at: string): Hook {
  const { command, timeoutMs } = object(value, at);
  return { command: list(command, `${at}.command`, string), timeoutMs: number(timeoutMs, `${at}.timeoutMs`) };
}

function decodePolicies(value: unknown, at: string): Policies {
  const policies = object(value, at);
  const { enabled, onOverlap, retries, hooks } = policies;
  if (enabled !== undefined && enabled !== false) throw new GarbledError(`${at}.enabled is not false`);
  return {
    enabled,
    alerts: policies["alerts"] as false | undefined, // Only `false` has a meaning.
    timeoutMs: optionalNumber(policies["timeoutMs"], `${at}.timeoutMs`),
    runningLongerThanMs: optionalNumber(policies["runningLongerThanMs"], `${at}.runningLongerThanMs`),
    freshWithinMs: optionalNumber(policies["freshWithinMs"], `${at}.freshWithinMs`),
    catchUpMs: optionalNumber(policies["catchUpMs"], `${at}.catchUpMs`),
    onOverlap: onOverlap === undefined ? undefined : decodeOverlap(onOverlap, `${at}.onOverlap`),
    retries: retries === undefined ? undefined : decodeRetries(retries, `${at}.retries`),
    hooks: hooks === undefined ? undefined : record(hooks, `${at}.hooks`, decodeHook),
  };
}

function decodeRetries(value: unknown, at: string): RetryPolicy {
  const retries = object(value, at);
  return {
    max: number(retries["max"], `${at}.max`),
    delayMs: number(retries["delayMs"], `${at}.delayMs`),
    backoff: number(retries["backoff"], `${at}.backoff`),
    maxDelayMs: number(retries["maxDelayMs"], `${at}.maxDelayMs`),
    on: list(retries["on"], `${at}.on`, (condition, where) =>
      typeof condition === "string"
        ? oneOf(condition, where, RETRY_OUTCOMES)
        : { output: string(object(condition, where)["output"], `${where}.output`) },
    ),
  };
}

function decodeLimits(value: unknown, at: string): Limits {
  const limits = object(value, at);
  return {
    host: optionalNumber(limits["host"], `${at}.host`),
    target: record(limits["target"], `${at}.target`, number),
    source: record(limits["source"], `${at}.source`, number),
    queueMs: number(limits["queueMs"], `${at}.queueMs`),
  };
}

const decodeOverlap = (value: unknown, at: string): OverlapPolicy =>
  value === "replace" ? value : { waitMs: number(object(value, at)["waitMs"], `${at}.waitMs`) };

function decodePipeline(value: unknown, at: string): PipelineId {
  const { tap, target } = object(value, at);
  return { tap: word(tap, `${at}.tap`, connectorIdError), target: word(target, `${at}.target`, connectorIdError) };
}

function decodeEntry(value: unknown, at: string): StoredEntry {
  const entry = object(value, at);
  return {
    tap: word(entry["tap"], `${at}.tap`, connectorIdError),
    target: word(entry["target"], `${at}.target`, connectorIdError),
    command: oneOf<EntryCommand>(entry["command"], `${at}.command`, ENTRY_COMMANDS),
    id: entry["id"] === undefined ? undefined : word(entry["id"], `${at}.id`, nameError),
    crons: list(entry["crons"], `${at}.crons`, string),
    after: entry["after"] === undefined ? undefined : list(entry["after"], `${at}.after`, decodePipeline),
    timezone: optional(entry["timezone"], `${at}.timezone`),
    since: entry["since"] === undefined ? undefined : instant(entry["since"], `${at}.since`),
    note: optional(entry["note"], `${at}.note`),
    args: list(entry["args"], `${at}.args`, string),
    source: entry["source"] === undefined ? undefined : word(entry["source"], `${at}.source`, nameError),
    policies: entry["policies"] === undefined ? undefined : decodePolicies(entry["policies"], `${at}.policies`),
  };
}

function decodeTable(value: unknown, at: string): ZoneTable {
  return list(value, at, (row, where) => {
    const [until, minutes] = list(row, where, number);
    return [number(until, `${where}[0]`), number(minutes, `${where}[1]`)] as const;
  });
}

function decodeZones(value: unknown, at: string): ZoneRecord {
  const zones = object(value, at);
  return {
    data: string(zones["data"], `${at}.data`),
    until: instant(zones["until"], `${at}.until`),
    localtime: string(zones["localtime"], `${at}.localtime`),
    tables: record(zones["tables"], `${at}.tables`, decodeTable),
  };
}

function decodeOn(value: unknown, at: string): OnScheduler {
  const on = object(value, at);
  return {
    place: record(on["place"], `${at}.place`, string),
    digest: string(on["digest"], `${at}.digest`),
    written: on["written"] === undefined ? undefined : record(on["written"], `${at}.written`, string),
  };
}

/** The fields of a stored file, after checks of its format and its schedule's name. */
function opened(text: string, name: string): Fields {
  const file = object(JSON.parse(text), "the file");
  if (file["format"] !== 1)
    throw new GarbledError(`its format is ${JSON.stringify(file["format"])}, but this version only reads format 1`);
  if (file["name"] !== name) throw new GarbledError(`it contains the schedule ${JSON.stringify(file["name"])}`);
  return file;
}

/** Decodes a stored schedule. Throws unless it has the format that `encodeStored` writes. */
export function decodeStoredSchedule(text: string, name: string): StoredSchedule {
  const file = opened(text, name);
  const source = object(file["source"], "source");
  return {
    format: 1,
    name,
    source: { path: string(source["path"], "source.path"), digest: string(source["digest"], "source.digest") },
    configDir: absolute(file["configDir"], "configDir"),
    env: record(file["env"], "env", string),
    envFile: file["envFile"] === undefined ? undefined : absolute(file["envFile"], "envFile"),
    limits: file["limits"] === undefined ? undefined : decodeLimits(file["limits"], "limits"),
    metrics:
      file["metrics"] === undefined
        ? undefined
        : { file: absolute(object(file["metrics"], "metrics")["file"], "metrics.file") },
    // `decode-later.ts` decodes these where they are used.
    retention: file["retention"],
    alerts: file["alerts"],
    entries: list(file["entries"], "entries", decodeEntry),
  };
}

/** Decodes a stored install of one host. */
export function decodeStoredInstall(text: string, name: string, host: string): StoredInstall {
  const file = opened(text, name);
  if (file["host"] !== host) throw new GarbledError(`it belongs to the host ${JSON.stringify(file["host"])}`);
  const command = list(file["command"], "command", string);
  absolute(command[0], "command[0]");
  return {
    format: 1,
    name,
    host,
    user: string(file["user"], "user"),
    machine: optional(file["machine"], "machine"),
    installedAt: string(file["installedAt"], "installedAt"),
    meaningDigest: string(file["meaningDigest"], "meaningDigest"),
    command,
    fastSync: file["fastSync"] === undefined ? undefined : oneOf(file["fastSync"], "fastSync", FAST_SYNC_NAMES),
    hookPrograms:
      file["hookPrograms"] === undefined ? undefined : record(file["hookPrograms"], "hookPrograms", absolute),
    node: absolute(file["node"], "node"),
    program: absolute(file["program"], "program"),
    pipelinewiseHome: optional(file["pipelinewiseHome"], "pipelinewiseHome"),
    machineZone: string(file["machineZone"], "machineZone"),
    zones: file["zones"] === undefined ? undefined : decodeZones(file["zones"], "zones"),
    loose: file["loose"] === undefined ? undefined : list(file["loose"], "loose", string),
    lines: list(file["lines"], "lines", string),
    compileOnly: file["compileOnly"] === true ? true : undefined,
    on: file["on"] === undefined ? undefined : record(file["on"], "on", decodeOn),
  };
}

/** The stored text of either file: JSON that a person can read too. */
export const encodeStored = (value: StoredSchedule | StoredInstall): string =>
  `${JSON.stringify(value, undefined, 2)}\n`;
