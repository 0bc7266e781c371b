import { basename, dirname, join } from "node:path";
import { errorCode, errorMessage, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { LockId } from "../../pipeline-id.ts";
import { ensureFolder, trustedOwners } from "../../storage/directory.ts";
import { readStateFile, readTrustedFile, removeStateFile, writeStateFile } from "../../storage/file.ts";
import { readdir, removeFile } from "../../storage/fs.ts";
import { requestsDir, type StatePaths } from "../../storage/paths.ts";
import type { Log } from "../log-writer.ts";
import type { StopCause } from "../outcome.ts";

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
const openRequests = ({ paths, pipeline }: RequestAddress, uid: number): Promise<void> =>
  ensureFolder(paths, requestsDir(paths, pipeline), uid);

/** Removes the files of a killed `stop`. They are addressed to runs that have ended. */
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
async function writeAnswer(address: RequestAddress, steps: readonly string[], host: Writer): Promise<void> {
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

/** Removes a request that was carried out, or that nobody waits for any more. */
export const removeRequest = (address: RequestAddress): Promise<void> => removeUnlessGone(requestFile(address));

/** Removes an answer that was read. */
export const removeAnswer = (address: RequestAddress): Promise<void> => removeUnlessGone(answerFile(address));

/** Stop requests to a run, from any host. */
export interface StopRequests {
  /** Resolves at the first request. */
  readonly first: Promise<StopCause>;
  /** Resolves when a request without patience is there. */
  readonly hurry: Promise<void>;
  /** Tells whoever asked how far the stop is; where nobody did, nothing happens. */
  answer(step: string): void;
  /** Looks no more, and takes away the request that was carried out. The answer is its reader's. */
  close(): Promise<void>;
}

/** Sent by a `stop` on the same host to have its request seen at once; it harms no process, whatever that does. */
export const WAKE_SIGNAL = "SIGCONT";

/**
 * Looks for requests to stop at each heartbeat, and whenever it is woken. A share that cannot be read is no reason to
 * stop: whether the lock still holds is the lock's own business.
 */
export function watchStopRequests(
  address: RequestAddress,
  host: Pick<Host, "uid" | "name" | "pid" | "signals">,
  { everyMs, notes }: { readonly everyMs: number; readonly notes: Pick<Log, "warn"> },
): StopRequests {
  let seen: StopRequest | undefined;
  let fault: string | undefined;
  let looking: Promise<void> | undefined;
  const steps: string[] = [];
  let answering = Promise.resolve();
  let announce: (cause: StopCause) => void = () => {};
  let hasten: () => void = () => {};
  const first = new Promise<StopCause>((resolve) => {
    announce = resolve;
  });
  const hurry = new Promise<void>((resolve) => {
    hasten = resolve;
  });
  const read = async () => {
    try {
      const request = await readStopRequest(address, host.uid);
      if (request === undefined) return;
      seen = request;
      if (request.now) hasten();
      announce({ kind: "request", by: request.by, why: request.why });
    } catch (error) {
      const message = errorMessage(error);
      if (message !== fault) notes.warn("ignored a stop request", { detail: message });
      fault = message;
    }
  };
  const look = () => {
    looking ??= read().finally(() => {
      looking = undefined;
    });
  };
  const lookAtBeat = async () => {
    // Only now, as short runs need no folder of their own.
    await openRequests(address, host.uid).catch(() => {});
    look();
  };
  const timer = setInterval(() => void lookAtBeat(), everyMs);
  host.signals.on(WAKE_SIGNAL, look);
  return {
    first,
    hurry,
    answer(step) {
      if (seen === undefined) return;
      steps.push(step);
      const write = () =>
        writeAnswer(address, steps, host).catch((error) => {
          notes.warn("could not answer a stop request", { detail: errorMessage(error) });
        });
      answering = answering.then(write);
    },
    async close() {
      clearInterval(timer);
      host.signals.off(WAKE_SIGNAL, look);
      await looking;
      await answering;
      if (seen !== undefined) await removeRequest(address).catch(() => {});
    },
  };
}
