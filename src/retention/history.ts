import { join } from "node:path";
import { runsDir } from "../storage/paths.ts";
import {
  attempt,
  type Expired,
  type ExpiredFile,
  type ExpiryContext,
  findFile,
  forEachFile,
  namesIn,
} from "./expired.ts";

const MONTH = /^(\d{4})-(\d\d)$/;
const RECORDS = /\.jsonl$/;

/** The end of a month. Every record in the files of the month ended before it. */
function endOf(name: string): number | undefined {
  const [, year, month] = MONTH.exec(name) ?? [];
  return year === undefined ? undefined : Date.UTC(Number(year), Number(month), 1);
}

async function findRecords(context: ExpiryContext, directory: string): Promise<readonly ExpiredFile[]> {
  const files: ExpiredFile[] = [];
  const names = (await namesIn(context, directory)).filter((name) => RECORDS.test(name));
  await forEachFile(names, async (name) => {
    const file = await findFile(join(directory, name));
    if (file !== undefined) files.push({ path: file.path, bytes: file.bytes });
  });
  return files;
}

/** Finds the months of the history in which every record has expired, without reading the records. */
export async function* findHistory(context: ExpiryContext): AsyncGenerator<Expired, void> {
  const { paths, retention, at } = context;
  const all = runsDir(paths);
  for (const month of (await attempt(context, all, () => namesIn(context, all))) ?? []) {
    const end = endOf(month);
    if (end === undefined || end > at.getTime() - retention.historyMs) continue;
    const directory = join(all, month);
    const files = await attempt(context, directory, () => findRecords(context, directory));
    if (files !== undefined && files.length > 0) yield { kind: "history", directory, files, isWhole: true };
  }
}
