/** One of the five fields: its name in messages, its bounds, and the words that stand for numbers in it. */
export interface Field {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly names: readonly string[];
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

export const MINUTE: Field = { name: "minute", low: 0, high: 59, names: [] };
export const HOUR: Field = { name: "hour", low: 0, high: 23, names: [] };
export const DAY: Field = { name: "day", low: 1, high: 31, names: [] };
export const MONTH: Field = { name: "month", low: 1, high: 12, names: MONTHS };
/** 0 and 7 are Sunday. A `*` stands for all eight, so a step of 7 selects 0 and 7, as in cron. */
export const WEEKDAY: Field = { name: "weekday", low: 0, high: 7, names: WEEKDAYS };
