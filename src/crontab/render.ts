import { type WrapperCall, wrapperCommand } from "../command/command.ts";
import { entryLabel } from "../command/request.ts";
import { isSafeWord } from "../command/shell.ts";
import { canonicalLines, isCanonical } from "../cron/canonical.ts";
import type { Cron } from "../cron/expression.ts";
import { describeCron } from "../cron/words.ts";
import { EXIT, SchedError } from "../errors.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { looksLikeMarker } from "./mark.ts";

/** Debian's cron refuses a longer command; busybox and others are content with it too. */
const LONGEST_LINE = 998;
const LONGEST_NOTE = 200;

/** Lines that belong together, by their time fields. */
export interface Timing {
  /** What stands above them, for people; `undefined` where they say it themselves. */
  readonly about?: string | undefined;
  readonly times: readonly string[];
}

/** A cron in the machine's own zone; where its lines do not show what the user wrote, that stands above in words. */
const ownTiming = (cron: Cron): Timing => ({
  about: isCanonical(cron) ? undefined : `${cron.text}: ${describeCron(cron)}`,
  times: canonicalLines(cron),
});

/** When a pipeline in the machine's own zone is started. */
export const ownTimings = ({ crons }: Pipeline): readonly Timing[] => crons.map(ownTiming);

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

/** The lines of one pipeline: its note as a comment, then a line for each of its times, once. */
function renderPipeline(pipeline: Pipeline, timings: readonly Timing[], call: WrapperCall): readonly string[] {
  const command = wrapperCommand(call, pipeline).join(" ");
  const { note = "" } = pipeline;
  const lines = note.trim() === "" ? [] : [renderNote(note)];
  const seen = new Set<string>();
  for (const { about, times } of timings) {
    const fresh = times.filter((one) => !seen.has(one));
    if (fresh.length > 0 && about !== undefined) lines.push(renderNote(about));
    for (const one of fresh) {
      const line = `${one} ${command}`;
      demandShort(line, pipeline);
      lines.push(line);
      seen.add(one);
    }
  }
  return lines;
}

function demandShort(line: string, pipeline: Pipeline): void {
  if (line.length <= LONGEST_LINE) return;
  throw new SchedError(
    `the crontab line of ${entryLabel(pipeline)} has ${line.length} characters; cron reads ${LONGEST_LINE} at most`,
    { exitCode: EXIT.badSchedule, hint: "Shorten its times or ids, or the path of the config directory." },
  );
}

/**
 * All lines of a schedule, as they stand between its markers.
 *
 * @param timingsOf by which lines a pipeline is started
 */
export function renderEntries(
  pipelines: readonly Pipeline[],
  call: WrapperCall,
  timingsOf: (pipeline: Pipeline) => readonly Timing[] = ownTimings,
): readonly string[] {
  demandSafeCall(call);
  return pipelines.flatMap((pipeline) => renderPipeline(pipeline, timingsOf(pipeline), call));
}
