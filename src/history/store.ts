import { constants } from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type OpenFile, open } from "../open-file.ts";
import { ensureFolder } from "../state-folder.ts";
import { runsFile, type StatePaths } from "../state-paths.ts";
import { storeFault } from "../store-fault.ts";
import { renderRecordLine } from "./line.ts";
import type { RunRecord } from "./record.ts";

const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const NEWLINE = 0x0a;

type Writer = Pick<Host, "uid" | "name">;

/** A record belongs to the month in which it was written, so the lines of a file stand in the order of their ends. */
const fileFor = (paths: StatePaths, host: Writer, endedAt: string): string =>
  runsFile(paths, endedAt.slice(0, 7), host.name);

async function openForAppend(paths: StatePaths, file: string, uid: number): Promise<OpenFile> {
  await ensureFolder(paths, dirname(file), uid);
  try {
    return await open(file, FLAGS, 0o600);
  } catch (error) {
    throw storeFault("write", file, error);
  }
}

/** Throws unless a record could be written now: a run that could not be recorded is not begun. */
export async function demandWritableHistory(paths: StatePaths, host: Writer & Pick<Host, "now">): Promise<void> {
  const file = await openForAppend(paths, fileFor(paths, host, host.now().toISOString()), host.uid);
  await file.close();
}

/** Whether a crash or a full disk left the last line without its end; our line would be lost in it. */
async function endsTorn(file: OpenFile): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  return (await file.readAt(size - 1, 1))[0] !== NEWLINE;
}

/** Adds one record to this host's history, in one write. */
export async function appendRecord(paths: StatePaths, host: Writer, record: RunRecord): Promise<void> {
  const path = fileFor(paths, host, record.endedAt);
  const file = await openForAppend(paths, path, host.uid);
  try {
    const line = Buffer.from((await endsTorn(file)) ? `\n${renderRecordLine(record)}` : renderRecordLine(record));
    if ((await file.write(line)) !== line.length) throw new StoreError(`cannot write ${path}: the disk is full`);
  } catch (error) {
    throw error instanceof StoreError ? error : storeFault("write", path, error);
  } finally {
    await file.close();
  }
}
