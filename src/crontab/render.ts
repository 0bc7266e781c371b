import { type WrapperCall, wrapperCommand } from "../command/command.ts";
import { entryLabel } from "../command/request.ts";
import { isSafeWord } from "../command/shell.ts";
import type { Cron } from "../cron/expression.ts";
import { EXIT, SchedError } from "../errors.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { looksLikeMarker } from "./mark.ts";

/** Debian's cron refuses a longer command; busybox and others are content with it too. */
const LONGEST_LINE = 998;
const LONGEST_NOTE = 200;

/** The time fields of the lines that a cron becomes: as typed, the day rule being the daemon's. */
const renderTimes = (cron: Cron): readonly string[] => [
  cron.text
    .trim()
    .split(/[ \t]+/)
    .join(" "),
];

/** A note as one comment line that no daemon takes for anything else, and that is no marker of ours. */
function renderNote(note: string): string {
  const words = note.replace(/[\s\p{Cc}]+/gu, " ").trim();
  const chars = [...words];
  const short = chars.length <= LONGEST_NOTE ? words : `${chars.slice(0, LONGEST_NOTE - 1).join("")}…`;
  // `crontab -l` shows a carriage return as \r: a note must not look as if it ended in one.
  const comment = `# ${short.replace(/(\\r|\s)+$/, "")}`;
  return looksLikeMarker(comment) ? `# note: ${comment.slice(2)}` : comment;
}

function demandSafeWord(what: string, word: string, remedy: string): void {
  if (isSafeWord(word) && !word.startsWith("-")) return;
  throw new SchedError(`the path of ${what}, ${JSON.stringify(word)}, cannot stand in a crontab line`, {
    exitCode: EXIT.usage,
    hint: `Only A-Z a-z 0-9 _ . / : = @ , + - mean the same to every cron and shell. ${remedy}`,
  });
}

/** Throws where Node, the program or the config directory lies at a path that a crontab line cannot hold safely. */
function demandSafeCall({ node, program, configDir }: WrapperCall): void {
  demandSafeWord("Node", node, "Run pipelinewise-sched by a Node that is installed at a plain path.");
  demandSafeWord(
    "pipelinewise-sched",
    program,
    "Install it at a plain path: npm install --global --prefix /opt/pipelinewise-sched pipelinewise-sched",
  );
  if (configDir !== undefined) {
    demandSafeWord("the config directory", configDir, "Move it, or mount or bind it at a plain path.");
  }
}

/** The lines of one pipeline: its note as a comment, then one line for each of its times. */
function renderPipeline(pipeline: Pipeline, call: WrapperCall): readonly string[] {
  const command = wrapperCommand(call, pipeline).join(" ");
  const lines = [...new Set(pipeline.crons.flatMap(renderTimes))].map((times) => `${times} ${command}`);
  const long = lines.find((line) => line.length > LONGEST_LINE);
  if (long !== undefined) {
    throw new SchedError(
      `the crontab line of ${entryLabel(pipeline)} has ${long.length} characters; cron reads ${LONGEST_LINE} at most`,
      { exitCode: EXIT.badSchedule, hint: "Shorten its times or ids, or the path of the config directory." },
    );
  }
  return [...(pipeline.note === undefined || pipeline.note.trim() === "" ? [] : [renderNote(pipeline.note)]), ...lines];
}

/** All lines of a schedule, as they stand between its markers. */
export function renderEntries(pipelines: readonly Pipeline[], call: WrapperCall): readonly string[] {
  demandSafeCall(call);
  return pipelines.flatMap((pipeline) => renderPipeline(pipeline, call));
}
