import { constants } from "node:fs";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { errorMessage } from "../../errors.ts";
import type { TextSink } from "../../host.ts";
import { ensureDirectory } from "../../storage/directory.ts";
import { type OpenFile, open } from "../../storage/fs.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";
import { writeWithBackpressure } from "../../system/output-stream.ts";

/** The file that takes one run's output. */
export interface RunLog {
  readonly path: string;
  readonly file: OpenFile;
}

/** Opens a run log at its end: the pipeline and its hooks write to it one after the other. */
export async function openRunLog(paths: StatePaths, path: string, uid: number): Promise<RunLog> {
  await ensureDirectory(paths, dirname(path), uid);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    return { path, file: await open(path, flags, 0o600) };
  } catch (error) {
    throw ioError("write", path, error);
  }
}

/** A copy of the pipeline's output to a reader and to the log. */
export interface OutputCopy {
  /** Resolves when the pipeline's end of the pipe is closed and all of it has been passed on. */
  readonly done: Promise<void>;
  /** Whether it waits for output of the pipeline, and not for the reader. */
  readonly waitsForPipeline: () => boolean;
  /** The reason why the log is incomplete; `undefined` if it is complete. */
  readonly fault: () => string | undefined;
  /** Stops reading. */
  readonly cancel: () => void;
}

/**
 * Copies a stream to a reader and to the log. A log that cannot be written stops neither the reader nor the pipeline.
 *
 * @param convert converts the reader's copy, one chunk after the other
 */
export function copyOutput(
  from: Readable,
  to: TextSink,
  { file }: RunLog,
  convert = (chunk: Buffer): Buffer => chunk,
): OutputCopy {
  const passOn = writeWithBackpressure(to);
  let waits = true;
  let fault: string | undefined;
  const keep = (error: unknown) => {
    fault ??= errorMessage(error);
  };
  const copy = async () => {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      waits = false;
      await file.writeAll(chunk).catch(keep);
      await passOn(convert(chunk));
      waits = true;
    }
  };
  return {
    done: copy().catch(keep),
    waitsForPipeline: () => waits,
    fault: () => fault,
    cancel: () => from.destroy(),
  };
}

/** Output that does not arrive within this time is not waited for. */
const DRAIN_TIMEOUT_MS = 1_000;
const POLL_MS = 50;

/**
 * Waits until all output has been passed on. Call it after the pipeline's process group has ended: a process that left
 * the group may still hold a pipe open, and is not waited for.
 *
 * @param skipReader whether a slow reader is not waited for either
 */
export async function drainOutput(copies: readonly OutputCopy[], skipReader: () => boolean): Promise<void> {
  if (copies.length === 0) return;
  let poll: NodeJS.Timeout | undefined;
  const timedOut = new Promise<void>((resolve) => {
    let quietMs = 0;
    poll = setInterval(() => {
      const isIdle = copies.every((copy) => copy.waitsForPipeline()) || skipReader();
      quietMs = isIdle ? quietMs + POLL_MS : 0;
      if (quietMs >= DRAIN_TIMEOUT_MS) resolve();
    }, POLL_MS);
  });
  await Promise.race([Promise.all(copies.map((copy) => copy.done)), timedOut]);
  clearInterval(poll);
  for (const copy of copies) copy.cancel();
}
