import type { Mark } from "../mark.ts";

const FIRST_LINE = "managed-by: pipelinewise-sched";

/** The first lines of an event's notes. */
export const renderMark = ({ schedule, configDir, source }: Mark): string =>
  [FIRST_LINE, `schedule: ${schedule}`, `config-dir: ${configDir}`, `source: ${source}`].join("\n");

/** Whose an event is by its notes; `undefined` for one that is none of ours. */
export function readMark(notes: string): Mark | undefined {
  const [first, ...lines] = notes.trim().split(/\r?\n/);
  if (first?.trim() !== FIRST_LINE) return undefined;
  const value = (name: string): string | undefined =>
    lines
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2)
      .trim();
  const [schedule, configDir, source] = [value("schedule"), value("config-dir"), value("source")];
  return schedule === undefined || configDir === undefined || source === undefined
    ? undefined
    : { schedule, configDir, source };
}
