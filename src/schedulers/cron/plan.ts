import type { WrapperCall } from "../../command-line.ts";
import { StoreError } from "../../errors.ts";
import type { Diagnostic } from "../../schedule/diagnostic.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { nameTaken, type TakeOver } from "../owner-mark.ts";
import type { InstallJob } from "../scheduler.ts";
import { type BlockMark, findBlocks, replaceBlock, toCrontabText } from "./block.ts";
import { checkEntries, renderEntries, timingsIn, type ZoneFrame } from "./render.ts";

/** Debian's cron accepts no longer crontab, comments included. */
const MOST_LINES = 10_000;

/** A crontab line that sets what a run under cron would find the config directory by. */
export const SETS_CONFIG_DIR = /^[ \t]*["']?(HOME|PIPELINEWISE_CONFIG_DIRECTORY)["']?[ \t]*=/m;

/** Values from which the crontab's lines are made. */
export interface WantedLines {
  readonly schedule: Schedule;
  readonly call: WrapperCall & { readonly configDir: string };
  /** The config directory that a run under cron finds by itself. */
  readonly defaultConfigDir: string | undefined;
  readonly frame: ZoneFrame & Pick<InstallJob, "isTended">;
  readonly takeOver: TakeOver;
}

/** The crontab as an install leaves it. */
export interface CrontabPlan {
  readonly after: string;
  /** The lines of the block. */
  readonly lines: readonly string[];
  /** Our block of this name as it was. */
  readonly previous: BlockMark | undefined;
}

/**
 * Plans the crontab of an install: only the block of this schedule changes.
 *
 * @param before the crontab as it is
 * @throws StoreError if the name is installed from elsewhere, or cron would not accept the result
 */
export function planCrontab(before: string, wanted: WantedLines): CrontabPlan {
  const { schedule, call } = wanted;
  const mark: BlockMark = { name: schedule.name, source: schedule.source.path, configDir: call.configDir };
  const previous = findBlocks(before).find((block) => block.mark.name === mark.name)?.mark;
  if (previous !== undefined) assertSameOwner(previous, mark, wanted.takeOver);
  const lines = renderEntries(...entriesOf(before, wanted));
  return { after: withBlock(before, mark, lines), lines, previous };
}

/** Reasons why cron would not start the lines of the block as they are meant. */
export const checkBlock = (before: string, wanted: WantedEntries): readonly Diagnostic[] =>
  checkEntries(...entriesOf(before, wanted));

type WantedEntries = Omit<WantedLines, "takeOver">;

/** The input for the block. Its lines name the config directory unless a run finds it by itself. */
function entriesOf(
  before: string,
  { schedule, call, defaultConfigDir, frame }: WantedEntries,
): Parameters<typeof renderEntries> {
  const isFound = call.configDir === defaultConfigDir && !SETS_CONFIG_DIR.test(before);
  return [
    schedule.pipelines,
    { ...call, configDir: isFound ? undefined : call.configDir },
    (pipeline) => timingsIn(frame, pipeline),
    frame.isTended,
  ];
}

function assertSameOwner(
  previous: BlockMark,
  { name, source, configDir }: BlockMark,
  { replace, isSameSource }: TakeOver,
): void {
  if (replace) return;
  if (!isSameSource(previous.source)) {
    throw nameTaken({ name, where: "in the crontab", what: "schedule file", theirs: previous.source, ours: source });
  }
  if (previous.configDir !== configDir) {
    throw nameTaken({
      name,
      where: "in the crontab",
      what: "config directory",
      theirs: previous.configDir,
      ours: configDir,
    });
  }
}

function withBlock(before: string, mark: BlockMark, lines: readonly string[]): string {
  const after = replaceBlock(before, mark, lines.map(toCrontabText));
  const count = after.split("\n").length - 1;
  if (count > MOST_LINES) {
    throw new StoreError(`the crontab would have ${count} lines; cron accepts at most ${MOST_LINES}`, {
      hint: "Remove entries from the schedule, or other lines from the crontab.",
    });
  }
  // We must be able to read what we would write: a bug must stop here, not in a crontab.
  findBlocks(after);
  return after;
}
