import type { Scheduler } from "./scheduler.ts";

/** A scheduler that a schedule can be written for. */
interface SchedulerRow {
  /** The argument of `--on`. */
  readonly name: string;
  /** Loads its files, only when it is used. */
  readonly load: () => Promise<Scheduler>;
}

/** All schedulers; the first one is the default of `--on`. A new one is one directory and one row here. */
export const SCHEDULERS = [
  { name: "cron", load: async () => (await import("./cron/cron.ts")).cron },
  { name: "airflow", load: async () => (await import("./airflow/airflow.ts")).airflow },
  { name: "systemd", load: async () => (await import("./systemd/systemd.ts")).systemd },
  { name: "cronicle", load: async () => (await import("./cronicle/cronicle.ts")).cronicle },
] as const satisfies readonly SchedulerRow[];

/** @param name an argument of `--on` */
export async function loadScheduler(name: string): Promise<Scheduler> {
  const row = SCHEDULERS.find((scheduler) => scheduler.name === name);
  if (row === undefined) throw new Error(`no scheduler is called ${name}`);
  return row.load();
}
