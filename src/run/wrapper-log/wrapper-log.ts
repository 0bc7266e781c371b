import { constants } from "node:fs";
import type { Host } from "../../host.ts";
import { type OpenFile, open } from "../../storage/fs.ts";
import { type StatePaths, wrapperLogFile } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";
import type { Log, LogFields } from "./log-writer.ts";

/**
 * The open wrapper log. Its writer takes longer to load than a short run takes, so it is loaded only for what the history
 * does not say: a warning, an error, or the steps of a long run.
 */
export interface WrapperLog extends Log {
  /** Writes the lines that are waiting. */
  flush(): Promise<void>;
  /** Writes the lines that are waiting if there is a warning among them or if lines were written before. */
  close(): Promise<void>;
}

interface LogLine {
  readonly level: keyof Log;
  readonly text: string;
  readonly fields: LogFields;
}

/** @returns `undefined`, with a warning, if the file cannot be written: no run depends on this log */
async function openFile(paths: StatePaths, host: Host): Promise<OpenFile | undefined> {
  const path = wrapperLogFile(paths, host.name);
  try {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
    return await open(path, flags, 0o600);
  } catch (error) {
    const { warnNoWrapperLog } = await import("../records/daily-warnings.ts");
    await warnNoWrapperLog(paths, host, ioError("write", path, error));
    return undefined;
  }
}

const ignore = () => {};
const NO_LOG: WrapperLog = { info: ignore, warn: ignore, error: ignore, flush: async () => {}, close: async () => {} };

/** Opens the log of this host. @param base fields of every line, such as the run's id */
export async function openWrapperLog(paths: StatePaths, host: Host, base: LogFields): Promise<WrapperLog> {
  const file = await openFile(paths, host);
  if (file === undefined) return NO_LOG;
  let waiting: LogLine[] = [];
  let log: Log | undefined;
  const lineAt =
    (level: keyof Log) =>
    (text: string, fields: LogFields = {}) => {
      waiting.push({ level, text, fields: { at: host.now().toISOString(), ...fields } });
    };
  const flush = async () => {
    // An upgrade may have replaced the program's files during a long run. Then only the lines of this log are lost.
    const module = await import("./log-writer.ts").catch(() => undefined);
    if (module === undefined) return;
    log ??= module.openLog(file.fd, { pid: host.pid, hostname: host.name, ...base });
    const lines = waiting;
    waiting = [];
    for (const { level, text, fields } of lines) log[level](text, fields);
  };
  return {
    info: lineAt("info"),
    warn: lineAt("warn"),
    error: lineAt("error"),
    flush,
    async close() {
      if (log !== undefined || waiting.some(({ level }) => level !== "info")) await flush();
      await file.close();
    },
  };
}
