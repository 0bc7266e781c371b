import { type FoundRun, findAgain } from "../../control/find-run.ts";
import type { Host } from "../../host.ts";
import type { OpenFile } from "../../storage/fs.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { attemptLog, hasLog, openLog, type WriteLog, writeRest } from "./files.ts";

/** Polled, because a file system of several hosts reports no changes. */
const POLL_MS = 300;
/** The lock is read less often than the log, because that costs more. */
const POLLS_PER_LOOK = 3;

interface FollowContext {
  readonly paths: StatePaths;
  readonly host: Host;
  readonly write: WriteLog;
  /** Writes the heading of a log. */
  readonly heading: (path: string) => Promise<boolean>;
}

/** Bytes by which the place is found again in a log that was shortened. */
const MARK_BYTES = 256;

/** A log that is being written. */
interface FollowedLog {
  readonly path: string;
  position: number;
  /** The last bytes that were written. */
  mark: Buffer;
}

/**
 * The position of the bytes that follow those already written, in a log that became shorter: `log_size` has removed its
 * middle, or somebody emptied it.
 */
async function findPlace(file: OpenFile, { mark }: FollowedLog, size: number): Promise<number> {
  const bytes = 4 * 1024 * 1024;
  const from = Math.max(0, size - bytes);
  const index = mark.length === 0 ? -1 : (await file.readAt(from, bytes)).lastIndexOf(mark);
  return index === -1 ? 0 : from + index + mark.length;
}

/** Writes what was added to a log. @returns `false` if the reader has gone */
async function writeNew(log: FollowedLog, { write, host }: FollowContext): Promise<boolean> {
  const file = await openLog(log.path);
  if (file === undefined) return true;
  try {
    const { size } = await file.stat();
    if (size < log.position) {
      log.position = await findPlace(file, log, size);
      if (log.position === 0) host.stderr.write(`${log.path} was emptied or replaced. Its new content:\n`);
    }
    const end = await writeRest(file, log.position, async (bytes) => {
      log.mark = Buffer.concat([log.mark, bytes]).subarray(-MARK_BYTES);
      return write(bytes);
    });
    log.position = end ?? log.position;
    return end !== undefined;
  } finally {
    await file.close();
  }
}

const begin = (path: string): FollowedLog => ({ path, position: 0, mark: Buffer.alloc(0) });

/** The end of following a run. */
interface Followed {
  /** Whether the reader has gone before the run has ended. */
  readonly isAbandoned: boolean;
  /** The run as it ended; `undefined` if it has no record. */
  readonly run: FoundRun | undefined;
}

/** After this many looks a run without a lock has no record: the view of a network file system may be seconds old. */
const LOOKS_FOR_RECORD = 5;

/**
 * Writes the log of a running run as it grows, until the run has ended. A run that is repeated has a log for each
 * attempt.
 */
export async function followRun(run: FoundRun, context: FollowContext): Promise<Followed> {
  const { paths } = context;
  let attempt = 1;
  let log = begin(attemptLog(paths, run, attempt));
  let ended: FoundRun | undefined;
  let missed = 0;
  for (let poll = 1; ; poll++) {
    // Read before the log, so that the log is complete if the run has ended.
    if (poll % POLLS_PER_LOOK === 0) {
      const now = await findAgain(run, context);
      missed = now === undefined ? missed + 1 : 0;
      ended = now?.record === undefined ? undefined : now;
    }
    const next = attemptLog(paths, run, attempt + 1);
    const hasNext = await hasLog(next);
    if (!(await writeNew(log, context))) return { isAbandoned: true, run: undefined };
    if (hasNext) {
      if (!(await context.heading(next))) return { isAbandoned: true, run: undefined };
      attempt += 1;
      log = begin(next);
    } else if (ended !== undefined || missed >= LOOKS_FOR_RECORD) return { isAbandoned: false, run: ended };
    else await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
