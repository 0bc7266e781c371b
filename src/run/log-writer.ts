import { destination, pino } from "pino";

/** What the wrapper notes of itself, beside the history. */
export interface Log {
  info(text: string, fields?: LogFields): void;
  warn(text: string, fields?: LogFields): void;
  error(text: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | undefined>>;

/**
 * A log that writes JSON lines, at once, to an open file. A disk that fills up meanwhile stops nothing: what could not be
 * written is lost, and the history, which shares the disk, says so by failing.
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
