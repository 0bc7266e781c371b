import { constants } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import { entryLabel } from "../command/request.ts";
import { entryOf } from "../history/last.ts";
import type { RunRecord } from "../history/record.ts";
import { open } from "../open-file.ts";
import { renderDuration } from "./duration.ts";

const TAIL_BYTES = 65_536;
const TAIL_LINES = 20;
const LINE_LENGTH = 500;

/** The last lines of a text, made fit for a mail: no control sequences, no endless lines. */
export function lastLines(text: string, count = TAIL_LINES): readonly string[] {
  return stripVTControlCharacters(text)
    .split("\n")
    .map((line) => line.replace(/\r$/, ""))
    .map((line) => (line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line))
    .filter((line, index, all) => line !== "" || index < all.length - 1)
    .slice(-count);
}

/** The end of a file; `undefined` when it cannot be read: a report without it is still worth sending. */
export async function readTail(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const { size } = await file.stat();
      const length = Math.min(size, TAIL_BYTES);
      return (await file.readAt(size - length, length)).toString("utf8");
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** One line for who sees the output anyway. @param words how it ended, such as `failed with exit code 1` */
export function renderEnd(record: RunRecord, words: string): string {
  const took = renderDuration(Date.parse(record.endedAt) - Date.parse(record.startedAt));
  return `pipelinewise-sched: ${entryLabel(entryOf(record))} ${words} after ${took}`;
}

/** What cron's mail says of a failure. */
export function renderReport(record: RunRecord, words: string, tail: string | undefined): string {
  const lines = tail === undefined ? undefined : lastLines(tail);
  const output =
    lines === undefined
      ? ["  its log cannot be read"]
      : lines.length === 0
        ? ["  it wrote nothing"]
        : ["  last lines:", ...lines.map((line) => `  | ${line}`)];
  return [
    renderEnd(record, words),
    `  host ${record.host}, started ${record.startedAt}, run ${record.id}`,
    ...(record.log === undefined ? [] : [`  log: ${record.log}`]),
    ...output,
    "",
  ].join("\n");
}
