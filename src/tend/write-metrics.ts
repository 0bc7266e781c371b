import { StoreError } from "../errors.ts";
import { writeMetricsFile } from "../metrics/metrics-file.ts";
import { readMetrics } from "../metrics/read-metrics.ts";
import type { TendContext } from "./part.ts";

/**
 * Writes the metrics file of the schedule.
 *
 * @throws StoreError if the file cannot be written, or if it lacks entries because their state cannot be read
 */
export async function writeMetrics({ host, paths, schedule, install }: TendContext): Promise<void> {
  if (schedule.metrics === undefined) return;
  const { text, faults } = await readMetrics([{ ...schedule, installedAt: install.installedAt }], { paths, host });
  await writeMetricsFile(schedule.metrics.file, text);
  if (faults.length > 0) throw new StoreError(`the metrics have no series of these entries: ${faults.join("; ")}`);
}
