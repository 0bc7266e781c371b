import { basename, dirname, join } from "node:path";
import type { LockId } from "../command/request.ts";
import { errorCode, StoreError } from "../errors.ts";
import { readdir, removeFile } from "../files.ts";
import type { Host } from "../host.ts";
import { readStateFile, readTrustedFile, removeStateFile, writeStateFile } from "../state-file.ts";
import { ensureFolder, trustedOwners } from "../state-folder.ts";
import { requestsDir, type StatePaths } from "../state-paths.ts";

/** Asks the holder of one token, on whatever host, to stop its pipeline. */
export interface StopRequest {
  /** `ada on host etl-1`. */
  readonly by: string;
  readonly why?: string | undefined;
  /** Without patience: SIGKILL at once. */
  readonly now: boolean;
}

/** A run that holds a lock. Requests are addressed to its token, so none can hit a successor. */
export interface RequestAddress {
  readonly paths: StatePaths;
  readonly pipeline: LockId;
  readonly token: string;
}

type Writer = Pick<Host, "uid">;

const requestFile = ({ paths, pipeline, token }: RequestAddress): string =>
  join(requestsDir(paths, pipeline), `${token}.stop.json`);
const answerFile = ({ paths, pipeline, token }: RequestAddress): string =>
  join(requestsDir(paths, pipeline), `${token}.answer`);

/**
 * Whether a file is there. Its folder is listed, as an NFS client asks the server for that; of a file that it missed once
 * it remembers for a minute that it is not there.
 */
async function isThere(path: string): Promise<boolean> {
  try {
    return (await readdir(dirname(path))).includes(basename(path));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Makes the folder of a pipeline's requests, so that on a share no host remembers that it is missing. */
export const openRequests = ({ paths, pipeline }: RequestAddress, uid: number): Promise<void> =>
  ensureFolder(paths, requestsDir(paths, pipeline), uid);

/** What a `stop` that was killed left: it is addressed to runs that are over. */
async function removeOthers(address: RequestAddress): Promise<void> {
  const folder = requestsDir(address.paths, address.pipeline);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${address.token}.`)) await removeFile(join(folder, name));
  }
}

export async function writeStopRequest(address: RequestAddress, request: StopRequest, host: Writer): Promise<void> {
  await openRequests(address, host.uid);
  await removeOthers(address);
  await writeStateFile(requestFile(address), `${JSON.stringify(request)}\n`);
}

function parseRequest(text: string): StopRequest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { by, why, now }: Partial<Record<string, unknown>> = { ...value };
    if (typeof by !== "string" || typeof now !== "boolean") return undefined;
    return { by, now, why: typeof why === "string" ? why : undefined };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * What is asked of the holder of a token; `undefined` for nothing.
 *
 * @param uid the holder's: it obeys itself and root; root obeys the config directory's owner, too
 * @throws StoreError when a stranger asks, or the request is garbled
 */
export async function readStopRequest(address: RequestAddress, uid: number): Promise<StopRequest | undefined> {
  const path = requestFile(address);
  if (!(await isThere(path))) return undefined;
  const text = await readTrustedFile(path, await trustedOwners(address.paths.configDir, uid));
  if (text === undefined) return undefined;
  const request = parseRequest(text);
  if (request === undefined) throw new StoreError(`${path} is garbled, so nothing is stopped`);
  return request;
}

/** The holder's words on how far it is with a request: all steps so far, as it may be done before anyone reads. */
export async function writeAnswer(address: RequestAddress, steps: readonly string[], host: Writer): Promise<void> {
  await openRequests(address, host.uid);
  await writeStateFile(answerFile(address), steps.map((step) => `${step}\n`).join(""));
}

export async function readAnswer(address: RequestAddress): Promise<readonly string[]> {
  const path = answerFile(address);
  const text = (await isThere(path)) ? await readStateFile(path) : undefined;
  return (text ?? "").split("\n").slice(0, -1);
}

async function removeUnlessGone(path: string): Promise<void> {
  if (await isThere(path)) await removeStateFile(path);
}

/** Takes a request away: it was carried out, or nobody waits for that any more. */
export const removeRequest = (address: RequestAddress): Promise<void> => removeUnlessGone(requestFile(address));

/** Takes an answer away: it was read. */
export const removeAnswer = (address: RequestAddress): Promise<void> => removeUnlessGone(answerFile(address));
