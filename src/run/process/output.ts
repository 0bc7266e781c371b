import { constants } from "node:fs";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { errorMessage } from "../../errors.ts";
import type { TextSink } from "../../host.ts";
import { ensureFolder } from "../../storage/directory.ts";
import { type OpenFile, open } from "../../storage/fs.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { storeFault } from "../../storage/store-error.ts";
import { passOnTo } from "../../system/output-stream.ts";

/** The file that takes one run's output. */
export interface RunLog {
  readonly path: string;
  readonly file: OpenFile;
}

export async function openRunLog(paths: StatePaths, path: string, uid: number): Promise<RunLog> {
  await ensureFolder(paths, dirname(path), uid);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL;
  try {
    return { path, file: await open(path, flags, 0o600) };
  } catch (error) {
    throw storeFault("write", path, error);
  }
}

/** Output on its way from the pipeline to a reader and to the log. */
export interface Copying {
  /** Resolves when the pipeline's end of the pipe is closed and all of it has been passed on. */
  readonly done: Promise<void>;
  /** Whether it waits for the pipeline, not for the reader. */
  readonly waitsForPipeline: () => boolean;
  /** Why the log lacks something; `undefined` when it is whole. */
  readonly fault: () => string | undefined;
  /** Reads no more. */
  readonly abandon: () => void;
}

/**
 * Copies a stream to a reader and to the log. A log that cannot be written stops neither the reader nor the pipeline.
 */
export function copyOutput(from: Readable, to: TextSink, { file }: RunLog): Copying {
  const passOn = passOnTo(to);
  let waits = true;
  let fault: string | undefined;
  const keep = (error: unknown) => {
    fault ??= errorMessage(error);
  };
  const copy = async () => {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      waits = false;
      await file.writeAll(chunk).catch(keep);
      await passOn(chunk);
      waits = true;
    }
  };
  return {
    done: copy().catch(keep),
    waitsForPipeline: () => waits,
    fault: () => fault,
    abandon: () => from.destroy(),
  };
}

const PATIENCE_MS = 1_000;
const POLL_MS = 50;

/**
 * Waits until all output has been passed on. To be called when the pipeline's group has gone: what still keeps a pipe
 * open then is a process that left the group, and it is not waited for.
 *
 * @param hurry whether the reader is not to be waited for either
 */
export async function finishCopying(copies: readonly Copying[], hurry: () => boolean): Promise<void> {
  if (copies.length === 0) return;
  let poll: NodeJS.Timeout | undefined;
  const impatient = new Promise<void>((resolve) => {
    let quietMs = 0;
    poll = setInterval(() => {
      const idle = copies.every((copy) => copy.waitsForPipeline()) || hurry();
      quietMs = idle ? quietMs + POLL_MS : 0;
      if (quietMs >= PATIENCE_MS) resolve();
    }, POLL_MS);
  });
  await Promise.race([Promise.all(copies.map((copy) => copy.done)), impatient]);
  clearInterval(poll);
  for (const copy of copies) copy.abandon();
}
