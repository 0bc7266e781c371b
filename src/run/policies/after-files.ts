import { dirname, relative, sep } from "node:path";
import { errorCode } from "../../errors.ts";
import { type EntryId, entryKey, type PipelineId } from "../../pipeline-id.ts";
import { ensureDirectory } from "../../storage/directory.ts";
import { readStateFile, writeStateFile } from "../../storage/file.ts";
import { readdir } from "../../storage/fs.ts";
import { followedFile, type StatePaths, succeededFile } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";

/** An entry with the pipelines after which it runs. */
export type Follower = EntryId & { readonly after: readonly PipelineId[] };

/** Ids of runs by pipeline, `<target>/<tap>`. */
type Runs = Readonly<Record<string, string>>;

const keyOf = ({ tap, target }: PipelineId): string => `${target}/${tap}`;

/** The texts in a JSON object; none if it is garbled, because starting an entry twice is better than never again. */
function parseTexts(text: string | undefined): Runs {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter(([, one]) => typeof one === "string"));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/**
 * Reads a file that another host may just have written. Lists the directories above it first, because an NFS client
 * asks the server for that; it caches for a minute that a file is missing.
 */
async function readFresh(paths: StatePaths, path: string): Promise<Runs> {
  let directory = paths.root;
  for (const name of relative(paths.root, path).split(sep)) {
    try {
      if (!(await readdir(directory)).includes(name)) return {};
    } catch (error) {
      if (errorCode(error) === "ENOENT") return {};
      throw ioError("read", directory, error);
    }
    directory = `${directory}/${name}`;
  }
  return parseTexts(await readStateFile(path));
}

async function write(paths: StatePaths, path: string, { runs, uid }: { readonly runs: Runs; readonly uid: number }) {
  await ensureDirectory(paths, dirname(path), uid);
  await writeStateFile(path, `${JSON.stringify(runs)}\n`);
}

/** Notes the newest run of a pipeline that succeeded. Only the holder of the pipeline's lock may call this. */
export const writeSucceeded = (
  paths: StatePaths,
  pipeline: PipelineId,
  { run, uid }: { readonly run: string; readonly uid: number },
): Promise<void> => write(paths, succeededFile(paths, pipeline), { runs: { run }, uid });

/** The newest run of each predecessor that succeeded. A predecessor without one has no id. */
async function readSucceeded(paths: StatePaths, { after }: Follower): Promise<Runs> {
  const found = after.map(
    async (one) => [keyOf(one), (await readFresh(paths, succeededFile(paths, one)))["run"]] as const,
  );
  const known = (await Promise.all(found)).flatMap(([key, run]) => (run === undefined ? [] : [[key, run] as const]));
  return Object.fromEntries(known);
}

/** Notes after which runs of its predecessors an entry starts. Only the holder of the entry's lock may call this. */
export async function writeFollowed(paths: StatePaths, follower: Follower, uid: number): Promise<void> {
  const runs = await readSucceeded(paths, follower);
  await write(paths, followedFile(paths, follower, entryKey(follower)), { runs, uid });
}

/**
 * Whether all predecessors of an entry have succeeded since its last start: each has a newest run that succeeded, and
 * it is another one than at that start. Compares ids only, because the clocks of hosts differ.
 */
export async function isReady(paths: StatePaths, follower: Follower): Promise<boolean> {
  const succeeded = await readSucceeded(paths, follower);
  const followed = await readFresh(paths, followedFile(paths, follower, entryKey(follower)));
  return follower.after.every((one) => {
    const run = succeeded[keyOf(one)];
    return run !== undefined && run !== followed[keyOf(one)];
  });
}
