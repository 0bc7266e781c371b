import type { CompiledSchedule, HostSchedule } from "../compiled/compiled.ts";
import { decodeHostSchedule, decodeMeaning } from "../compiled/decode.ts";
import { listScheduleNames, readCompiled } from "../compiled/store.ts";
import { SchedError } from "../errors.ts";
import type { Host } from "../host.ts";
import { readStateFile } from "../state-file.ts";
import { checkFolder, findStateFolder } from "../state-folder.ts";
import { hostFile, meaningFile, type StatePaths, schedulesDir } from "../state-paths.ts";

/** The stored files of one schedule, as an install or uninstall finds them. */
export interface StoredFiles {
  readonly meaningText: string | undefined;
  /** `undefined` also where the text is garbled: an install writes it anew. */
  readonly meaning: CompiledSchedule | undefined;
  readonly hostText: string | undefined;
  readonly host: HostSchedule | undefined;
}

function decodedOrNot<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** What is stored of a schedule; nothing where there is no `.sched` yet. Makes nothing. */
export async function readStoredFiles(paths: StatePaths, name: string, host: Host): Promise<StoredFiles> {
  const none = { meaningText: undefined, meaning: undefined, hostText: undefined, host: undefined };
  if ((await findStateFolder(paths.configDir, host.uid)) === undefined) return none;
  await checkFolder(paths, schedulesDir(paths), host.uid);
  const meaningText = await readStateFile(meaningFile(paths, name));
  const hostText = await readStateFile(hostFile(paths, name, host.name));
  return {
    meaningText,
    meaning: meaningText === undefined ? undefined : decodedOrNot(() => decodeMeaning(meaningText, name)),
    hostText,
    host: hostText === undefined ? undefined : decodedOrNot(() => decodeHostSchedule(hostText, name, host.name)),
  };
}

/** The other schedules of a config directory; one that cannot be read is a warning, as it is not ours to mend here. */
export async function readOthers(
  paths: StatePaths,
  name: string,
  host: Host,
): Promise<{ readonly others: readonly CompiledSchedule[]; readonly warnings: readonly string[] }> {
  if ((await findStateFolder(paths.configDir, host.uid)) === undefined) return { others: [], warnings: [] };
  const others: CompiledSchedule[] = [];
  const warnings: string[] = [];
  for (const other of await listScheduleNames(paths)) {
    if (other === name) continue;
    try {
      const found = await readCompiled(paths, other, host);
      if (found !== undefined) others.push(found.meaning);
    } catch (error) {
      if (!(error instanceof SchedError)) throw error;
      warnings.push(`${error.message}; its pipelines were not compared with these`);
    }
  }
  return { others, warnings };
}
