import { EXIT, SchedError } from "../errors.ts";
import { compareFiles } from "../system/compare-files.ts";

/** Ownership mark. This program only changes or removes objects that carry it. */
export interface Mark {
  /** Name of the schedule. */
  readonly schedule: string;
  /** Absolute path of the schedule file. */
  readonly source: string;
  /** Absolute. */
  readonly configDir: string;
}

/** The ownership mark of a file: a comment in plain ASCII, whatever the paths contain. */
export function renderFileMark({ schedule, source, configDir }: Mark): string {
  const json = JSON.stringify({ schedule, source, "config-dir": configDir });
  return `# pipelinewise-sched ${json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)}`;
}

/** Reads a file's ownership mark; `undefined` if it has none. */
export function readFileMark(text: string): Mark | undefined {
  const [, json] = /^# pipelinewise-sched (\{.*\})\r?$/m.exec(text) ?? [];
  if (json === undefined) return undefined;
  const { schedule, source, "config-dir": configDir }: Partial<Record<string, unknown>> = parseObject(json);
  const isMark = typeof schedule === "string" && typeof source === "string" && typeof configDir === "string";
  return isMark ? { schedule, source, configDir } : undefined;
}

function parseObject(json: string): object {
  try {
    return { ...JSON.parse(json) };
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Which installed schedules an install may take over, with and without `--replace`. */
export interface TakeOver {
  /** `--replace`: take over a schedule of this name that was installed from elsewhere. */
  readonly replace: boolean;
  /** Whether an installed schedule was made from the same schedule file, by the path in its mark. */
  readonly isSameSource: (path: string) => boolean;
}

/**
 * Makes the check whether an installed schedule was made from the file that is installed now. Two paths may lead to one
 * file, for example through a link to the current release.
 *
 * @param options.goneCounts whether a path without a file counts as this file. Not for a path on another host.
 */
export function sameSource(ours: string, { goneCounts }: { readonly goneCounts: boolean }): TakeOver["isSameSource"] {
  return (theirs) => {
    if (theirs === ours) return true;
    const compared = compareFiles(theirs, ours);
    return compared === "same" || (compared === "gone" && goneCounts);
  };
}

/** The error of an install whose schedule name is already installed from somewhere else. */
export function nameTaken({
  name,
  where,
  what,
  theirs,
  ours,
}: Readonly<Record<"name" | "where" | "what" | "theirs" | "ours", string>>): SchedError {
  return new SchedError(
    `schedule name ${name} is already installed ${where} from another ${what}, ${theirs} (here: ${ours})`,
    {
      exitCode: EXIT.badSchedule,
      hint: "Give this schedule another `name`, or take over the installed one with `install --replace`.",
    },
  );
}
