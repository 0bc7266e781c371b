import type { Horizon } from "../cron/zone-table.ts";
import type { Exporter } from "./scheduler.ts";

/** A scheduler that a schedule can be written for. */
interface ExporterRow {
  /** The argument of `--on`. */
  readonly name: string;
  /** Loads its files, only when it is used. */
  readonly load: () => Promise<Exporter>;
}

/** All schedulers other than cron. A new one is one directory and one row here. */
export const EXPORTERS: readonly ExporterRow[] = [
  { name: "airflow", load: async () => (await import("./airflow/airflow.ts")).airflow },
  { name: "systemd", load: async () => (await import("./systemd/systemd.ts")).systemd },
  { name: "cronicle", load: async () => (await import("./cronicle/cronicle.ts")).cronicle },
];

/**
 * After this many years weekdays fall on the same dates again, and each clock change has occurred on each of its dates.
 */
const YEARS = 28;
const YEAR_MS = 365.25 * 86_400_000;

/**
 * The period for which times written for another scheduler are valid. A repeated export differs only if the schedule or
 * its zone rules do.
 */
export const exportHorizon = (at: Date): Horizon => ({ from: at.getTime(), to: at.getTime() + YEARS * YEAR_MS });
