import type { Horizon } from "../cron/zone-table.ts";
import type { Exporter } from "./scheduler.ts";

/** A scheduler that a schedule can be written for. */
interface ExporterRow {
  /** The word behind `--on`. */
  readonly name: string;
  /** Its files are loaded only when its word is typed. */
  readonly load: () => Promise<Exporter>;
}

/** Every scheduler beside cron: a new one is one file, and one row here. */
export const EXPORTERS: readonly ExporterRow[] = [
  { name: "airflow", load: async () => (await import("./airflow/airflow.ts")).airflow },
  { name: "systemd", load: async () => (await import("./systemd/systemd.ts")).systemd },
  { name: "cronicle", load: async () => (await import("./cronicle/cronicle.ts")).cronicle },
];

/** After so many years the days of the week fall on the same dates again, and each clock change has been on each of its. */
const YEARS = 28;
const YEAR_MS = 365.25 * 86_400_000;

/**
 * For how long what is written for another scheduler shall hold. An export that is made anew differs only where the
 * schedule or the rules of its zones do.
 */
export const exportHorizon = (at: Date): Horizon => ({ from: at.getTime(), to: at.getTime() + YEARS * YEAR_MS });
