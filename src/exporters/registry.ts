import type { Exporter } from "./exporter.ts";

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
