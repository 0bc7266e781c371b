import { type FoundRun, findAgain } from "../../control/find-run.ts";
import type { Host } from "../../host.ts";
import { NOTE_BEGIN } from "../../run/process/log-size.ts";
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

/** Number of bytes that identify a position in a log, so that it can be found again after the log was shortened. */
const MARK_BYTES = 256;
/** Number of bytes at the end of a log in which the position is searched. */
const SEARCHED_BYTES = 4 * 1024 * 1024;

/** A log that is being written. */
interface FollowedLog {
  readonly path: string;
  position: number;
  /** The first bytes that were written. */
  head: Buffer;
  /** The last bytes that were written. */
  mark: Buffer;
}

/**
 * The position at which to continue in a log that became shorter: after the bytes already written if `log_size` has
 * removed the middle of the log, or at the note about the middle if those bytes were removed too.
 *
 * @returns `undefined` if the log was emptied or replaced
 */
async function findPlace(file: OpenFile, { head, mark }: FollowedLog, size: number): Promise<number | undefined> {
  if (!(await file.readAt(0, head.length)).equals(head)) return undefined;
  const from = Math.max(0, size - SEARCHED_BYTES);
  const end = await file.readAt(from, SEARCHED_BYTES);
  const index = end.lastIndexOf(mark);
  return from + (index === -1 ? Math.max(0, end.lastIndexOf(NOTE_BEGIN)) : index + mark.length);
}

/** Writes what was added to a log. @returns `false` if the reader has gone */
async function writeNew(log: FollowedLog, { write, host }: FollowContext): Promise<boolean> {
  const file = await openLog(log.path);
  if (file === undefined) return true;
  try {
    const { size } = await file.stat();
    if (size < log.position) {
      const place = await findPlace(file, log, size);
      if (place === undefined) {
        host.stderr.write(`${log.path} was emptied or replaced. Its new content:\n`);
        Object.assign(log, begin(log.path));
      } else log.position = place;
    }
    const end = await writeRest(file, log.position, async (bytes) => {
      if (log.head.length < MARK_BYTES) log.head = Buffer.concat([log.head, bytes]).subarray(0, MARK_BYTES);
      log.mark = Buffer.concat([log.mark, bytes]).subarray(-MARK_BYTES);
      return write(bytes);
    });
    log.position = end ?? log.position;
    return end !== undefined;
  } finally {
    await file.close();
  }
}

const begin = (path: string): FollowedLog => ({ path, position: 0, head: Buffer.alloc(0), mark: Buffer.alloc(0) });

/** The end of following a run. */
interface Followed {
  /** Whether the reader has gone before the run has ended. */
  readonly isAbandoned: boolean;
  /** The run as it ended; `undefined` if it has no record. */
  readonly run: FoundRun | undefined;
}

/**
 * Number of looks after which a run without a lock counts as a run without a record. A network file system may show a new
 * record some seconds late.
 */
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
