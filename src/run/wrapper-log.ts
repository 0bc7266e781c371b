import { constants } from "node:fs";
import type { Host } from "../host.ts";
import { type OpenFile, open } from "../storage/fs.ts";
import { type StatePaths, wrapperLogFile } from "../storage/paths.ts";
import { storeFault } from "../storage/store-error.ts";
import type { Log, LogFields } from "./log-writer.ts";

/**
 * The wrapper's log, open. Its writer takes longer to load than a short run takes, so it is loaded only when there is
 * something to say that the history does not: a warning, an error, or a run that goes on for a while.
 */
export interface Notes extends Log {
  /** Writes what was noted so far, and what will be. */
  flush(): Promise<void>;
  /** Writes what is left, unless all went well and nothing was written before. */
  close(): Promise<void>;
}

type Note = { readonly level: keyof Log; readonly text: string; readonly fields: LogFields };

async function openFile(paths: StatePaths, host: Pick<Host, "name">): Promise<OpenFile> {
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
    // An upgrade may have replaced our files under a long run: its notes are lost then, and nothing else.
    const module = await import("./log-writer.ts").catch(() => undefined);
    if (module === undefined) return;
    log ??= module.openLog(file.fd, { pid: host.pid, hostname: host.name, ...base });
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
      if (log !== undefined || waiting.some(({ level }) => level !== "info")) await flush();
      await file.close();
    },
  };
}
