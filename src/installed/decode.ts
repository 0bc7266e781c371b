import type { ZoneTable } from "../cron/zone-table.ts";
import { connectorIdFault, ENTRY_COMMANDS, type EntryCommand, FAST_SYNC_NAMES, nameFault } from "../pipeline-id.ts";
import type { CompiledEntry, CompiledSchedule, HostSchedule, OnScheduler, ZoneRecord } from "./schedule.ts";

/** A stored file has an invalid part, which the message names. */
class GarbledError extends Error {}

type Fields = Readonly<Record<string, unknown>>;

function object(value: unknown, at: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new GarbledError(`${at} is not an object`);
  return value as Fields; // Decoded JSON: an object that is no list has string keys.
}

function number(value: unknown, at: string): number {
  if (typeof value !== "number") throw new GarbledError(`${at} is not a number`);
  return value;
}

function string(value: unknown, at: string): string {
  if (typeof value !== "string") throw new GarbledError(`${at} is not a string`);
  return value;
}

const optional = (value: unknown, at: string): string | undefined =>
  value === undefined ? undefined : string(value, at);

function list<T>(value: unknown, at: string, decode: (item: unknown, at: string) => T): readonly T[] {
  if (!Array.isArray(value)) throw new GarbledError(`${at} is not a list`);
  return value.map((item, index) => decode(item, `${at}[${index}]`));
}

function record<T>(value: unknown, at: string, decode: (item: unknown, at: string) => T): Readonly<Record<string, T>> {
  const fields = Object.entries(object(value, at));
  return Object.fromEntries(fields.map(([key, item]) => [key, decode(item, `${at}.${key}`)]));
}

function instant(value: unknown, at: string): string {
  const text = string(value, at);
  if (Number.isNaN(Date.parse(text))) throw new GarbledError(`${at} is not an instant`);
  return text;
}

function word(value: unknown, at: string, faultOf: (word: string) => string | undefined): string {
  const text = string(value, at);
  const fault = faultOf(text);
  if (fault !== undefined) throw new GarbledError(`${at} ${fault}`);
  return text;
}

function absolute(value: unknown, at: string): string {
  const path = string(value, at);
  if (!path.startsWith("/")) throw new GarbledError(`${at} is not an absolute path`);
  return path;
}

function oneOf<T extends string>(value: unknown, at: string, known: readonly T[]): T {
  const word = known.find((one) => one === value);
  if (word === undefined) throw new GarbledError(`${at} is not one of ${known.join(", ")}`);
  return word;
}

function decodeEntry(value: unknown, at: string): CompiledEntry {
  const entry = object(value, at);
  return {
    tap: word(entry["tap"], `${at}.tap`, connectorIdFault),
    target: word(entry["target"], `${at}.target`, connectorIdFault),
    command: oneOf<EntryCommand>(entry["command"], `${at}.command`, ENTRY_COMMANDS),
    id: entry["id"] === undefined ? undefined : word(entry["id"], `${at}.id`, nameFault),
    crons: list(entry["crons"], `${at}.crons`, string),
    timezone: optional(entry["timezone"], `${at}.timezone`),
    since: entry["since"] === undefined ? undefined : instant(entry["since"], `${at}.since`),
    note: optional(entry["note"], `${at}.note`),
    args: list(entry["args"], `${at}.args`, string),
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
  return { place: record(on["place"], `${at}.place`, string), digest: string(on["digest"], `${at}.digest`) };
}

/** The fields of a stored file, after checks of its format and its schedule's name. */
function opened(text: string, name: string): Fields {
  const file = object(JSON.parse(text), "the file");
  if (file["format"] !== 1)
    throw new GarbledError(`its format is ${JSON.stringify(file["format"])}, but this version only reads format 1`);
  if (file["name"] !== name) throw new GarbledError(`it contains the schedule ${JSON.stringify(file["name"])}`);
  return file;
}

/** Decodes a stored schedule. Throws unless it has the format that `encodeCompiled` writes. */
export function decodeMeaning(text: string, name: string): CompiledSchedule {
  const file = opened(text, name);
  const source = object(file["source"], "source");
  return {
    format: 1,
    name,
    source: { path: string(source["path"], "source.path"), digest: string(source["digest"], "source.digest") },
    configDir: absolute(file["configDir"], "configDir"),
    env: record(file["env"], "env", string),
    envFile: file["envFile"] === undefined ? undefined : absolute(file["envFile"], "envFile"),
    entries: list(file["entries"], "entries", decodeEntry),
  };
}

/** Decodes a stored install of one host. */
export function decodeHostSchedule(text: string, name: string, host: string): HostSchedule {
  const file = opened(text, name);
  if (file["host"] !== host) throw new GarbledError(`it belongs to the host ${JSON.stringify(file["host"])}`);
  const command = list(file["command"], "command", string);
  absolute(command[0], "command[0]");
  return {
    format: 1,
    name,
    host,
    user: string(file["user"], "user"),
    installedAt: string(file["installedAt"], "installedAt"),
    meaningDigest: string(file["meaningDigest"], "meaningDigest"),
    command,
    fastSync: file["fastSync"] === undefined ? undefined : oneOf(file["fastSync"], "fastSync", FAST_SYNC_NAMES),
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
export const encodeCompiled = (value: CompiledSchedule | HostSchedule): string =>
  `${JSON.stringify(value, undefined, 2)}\n`;
