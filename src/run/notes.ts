import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Host } from "../host.ts";
import type { Log, LogFields } from "../log.ts";
import { type StatePaths, wrapperLogFile } from "../state-paths.ts";
import { storeFault } from "../store-fault.ts";

/** The wrapper's log, open; its writer is loaded when there is time for it, as loading it takes longer than a short run. */
export interface Notes extends Log {
  /** Writes what was noted so far. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

type Note = { readonly level: keyof Log; readonly text: string; readonly fields: LogFields };

async function openFile(paths: StatePaths, host: Pick<Host, "name">): Promise<FileHandle> {
  const path = wrapperLogFile(paths, host.name);
  try {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
    return await open(path, flags, 0o600);
  } catch (error) {
    throw storeFault("write", path, error);
  }
}

/** @param base fields of every line, such as the run's id */
export async function openNotes(
  paths: StatePaths,
  host: Pick<Host, "name" | "pid" | "now">,
  base: LogFields,
): Promise<Notes> {
  const file = await openFile(paths, host);
  let waiting: Note[] = [];
  let log: Log | undefined;
  const noteAt =
    (level: keyof Log) =>
    (text: string, fields: LogFields = {}) => {
      waiting.push({ level, text, fields: { at: host.now().toISOString(), ...fields } });
    };
  const flush = async () => {
    const { openLog } = await import("../log.ts");
    log ??= openLog(file.fd, { pid: host.pid, hostname: host.name, ...base });
    const now = waiting;
    waiting = [];
    for (const { level, text, fields } of now) log[level](text, fields);
  };
  return {
    info: noteAt("info"),
    warn: noteAt("warn"),
    error: noteAt("error"),
    flush,
    async close() {
      await flush();
      await file.close();
    },
  };
}
