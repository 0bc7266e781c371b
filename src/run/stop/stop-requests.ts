import { basename, dirname, join } from "node:path";
import { errorCode, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { LockId } from "../../pipeline-id.ts";
import { ensureDirectory, trustedOwners } from "../../storage/directory.ts";
import { readStateFile, readTrustedFile, removeStateFile, writeStateFile } from "../../storage/file.ts";
import { readdir, removeFile } from "../../storage/fs.ts";
import { requestsDir, type StatePaths } from "../../storage/paths.ts";

/** Asks a lock holder, on any host, to stop its pipeline. */
export interface StopRequest {
  /** `ada on host etl-1`. */
  readonly by: string;
  readonly reason?: string | undefined;
  /** Do all steps of the stop without the grace periods. */
  readonly now: boolean;
}

/**
 * The files of stop requests to one holder. They name its token, so a request cannot reach a later holder of the same
 * lock.
 */
export interface StopRequestFiles {
  /** Creates the directory, so that no NFS client caches that it is missing. */
  prepare(): Promise<void>;
  /** Writes a request. Removes the files of earlier requests, which were addressed to runs that have ended. */
  write(request: StopRequest): Promise<void>;
  /**
   * The request to this process; `undefined` for none. The holder obeys its own user and root, and a holder that is root
   * also obeys the config directory's owner.
   *
   * @throws StoreError if another user wrote the request, or if it is garbled
   */
  find(): Promise<StopRequest | undefined>;
  /** Tells the requester all steps of the stop so far. */
  acknowledge(steps: readonly string[]): Promise<void>;
  /** The steps of the stop so far. */
  readSteps(): Promise<readonly string[]>;
  /** Removes a request that was carried out, or that nobody waits for any more. */
  removeRequest(): Promise<void>;
  /** Removes the steps after the requester has read them. */
  removeSteps(): Promise<void>;
}

/**
 * Whether a file exists. Lists its directory, because an NFS client asks the server for that; a lookup of a missing file
 * is cached for a minute.
 */
async function isThere(path: string): Promise<boolean> {
  try {
    return (await readdir(dirname(path))).includes(basename(path));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function removeUnlessGone(path: string): Promise<void> {
  if (await isThere(path)) await removeStateFile(path);
}

/** A request as it is stored. */
const renderRequest = ({ by, reason, now }: StopRequest): string => `${JSON.stringify({ by, why: reason, now })}\n`;

function parseRequest(text: string): StopRequest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { by, why, now }: Partial<Record<string, unknown>> = { ...value };
    if (typeof by !== "string" || typeof now !== "boolean") return undefined;
    return { by, now, reason: typeof why === "string" ? why : undefined };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

interface RequestAddress {
  readonly paths: StatePaths;
  readonly lock: LockId;
  readonly token: string;
  readonly host: Pick<Host, "uid">;
}

/** Opens the stop requests to a holder. Reads and writes nothing yet. */
export function openStopRequests({ paths, lock, token, host }: RequestAddress): StopRequestFiles {
  const directory = requestsDir(paths, lock);
  const requestFile = join(directory, `${token}.stop.json`);
  const stepsFile = join(directory, `${token}.answer`);
  const prepare = () => ensureDirectory(paths, directory, host.uid);
  return {
    prepare,
    async write(request) {
      await prepare();
      for (const name of await readdir(directory)) {
        if (!name.startsWith(`${token}.`)) await removeFile(join(directory, name));
      }
      await writeStateFile(requestFile, renderRequest(request));
    },
    async find() {
      if (!(await isThere(requestFile))) return undefined;
      const text = await readTrustedFile(requestFile, await trustedOwners(paths.configDir, host.uid));
      if (text === undefined) return undefined;
      const request = parseRequest(text);
      if (request === undefined) throw new StoreError(`${requestFile} is garbled, so nothing is stopped`);
      return request;
    },
    async acknowledge(steps) {
      await prepare();
      await writeStateFile(stepsFile, steps.map((step) => `${step}\n`).join(""));
    },
    async readSteps() {
      const text = (await isThere(stepsFile)) ? await readStateFile(stepsFile) : undefined;
      return (text ?? "").split("\n").slice(0, -1);
    },
    removeRequest: () => removeUnlessGone(requestFile),
    removeSteps: () => removeUnlessGone(stepsFile),
  };
}
