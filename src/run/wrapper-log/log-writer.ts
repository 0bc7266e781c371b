import { destination, pino } from "pino";

/** The wrapper log. */
export interface Log {
  info(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  error(text: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | undefined>>;

/**
 * Opens a log that writes JSON lines synchronously to an open file. If the disk is full, lines are lost without an error:
 * the history is on the same disk and reports it.
 *
 * @param base fields of every line
 */
export function openLog(descriptor: number, base: LogFields): Log {
  const sink = destination({ dest: descriptor, sync: true });
  sink.on("error", () => {});
  const writer = pino({ base }, sink);
  return {
    info: (text, fields = {}) => writer.info(fields, text),
    warn: (text, fields = {}) => writer.warn(fields, text),
    error: (text, fields = {}) => writer.error(fields, text),
  };
}
