import { DEFAULT_COMMAND, type EntryId } from "../../command/request.ts";

/** Airflow takes no longer ids. */
const MOST_CHARACTERS = 250;
/** Where Airflow has no timetable of several crons, each has a DAG of its own, with its number behind: below 1000. */
const LONGEST_NUMBER = 5;

/**
 * The id of a pipeline's DAG, the same at each export, whatever its times: `warehouse.redshift.orders`, with the command
 * behind where it is not `run_tap`. Airflow knows all its DAGs by such ids, so that it begins with the schedule's name.
 *
 * Two pipelines never share one: a dot in a tap or target is doubled, and neither begins with one.
 */
export function dagId(schedule: string, { target, tap, command, id }: EntryId): string {
  const entry = id !== undefined ? [command, id] : command === DEFAULT_COMMAND ? [] : [command];
  return [schedule, target, tap, ...entry].map((word) => word.replaceAll(".", "..")).join(".");
}

/** The id of the DAG for one of several crons, counted from 1. */
export const numberedId = (id: string, number: string): string => `${id}__${number}`;

/** Why Airflow cannot take an id; `undefined` when it can. */
export function dagIdFault(id: string): string | undefined {
  const most = MOST_CHARACTERS - LONGEST_NUMBER;
  return id.length <= most
    ? undefined
    : `its DAG id would have ${id.length} characters, and Airflow takes ${most} here`;
}
