import { expect, test } from "vitest";
import { describeCron } from "../../src/cron/describe.ts";
import { parseCron } from "../../src/cron/expression.ts";

test.each([
  ["* * * * *", "every minute"],
  ["*/5 * * * *", "every 5 minutes"],
  ["*/7 * * * *", "at minutes 0, 7, 14, … 56 of every hour"],
  ["0 * * * *", "every hour"],
  ["@hourly", "every hour"],
  ["30 * * * *", "at minute 30 of every hour"],
  ["0 */3 * * *", "every 3 hours"],
  ["15 */3 * * *", "every 3 hours at minute 15"],
  ["0 */5 * * *", "at 00:00, 05:00, 10:00, 15:00 and 20:00 every day"],
  ["0 0 * * *", "at 00:00 every day"],
  ["0 0 * * 6", "at 00:00 on Saturday"],
  ["0 9,17 * * 1-5", "at 09:00 and 17:00 on Monday to Friday"],
  ["*/5 8-18 * * 1-5", "every 5 minutes from 08:00 to 18:55 on Monday to Friday"],
  ["* 3 * * *", "every minute from 03:00 to 03:59"],
  ["30 9-17 * * *", "every hour from 09:30 to 17:30"],
  ["0 0 1,15 * *", "at 00:00 on days 1 and 15 of the month"],
  ["0 0 1 1 *", "at 00:00 on day 1 of the month in January"],
  ["0 3 * 6-8 0,7", "at 03:00 on Sunday in June to August"],
  ["0 0 13 * 5", "at 00:00 on day 13 of the month and also on every Friday"],
  ["0 0 */2 * 1", "at 00:00 on Monday, only when it is also one of days 1, 3, 5, … 31 of the month"],
  ["0 0 29 2 */8", "at 00:00 on Sunday, only when it is also day 29 of the month in February"],
  ["0 0 1,* * 1", "at 00:00 every day"],
  ["1,7,20 1,2,9 * * *", "at minutes 1, 7 and 20 of hours 1, 2 and 9 every day"],
])("%s is described as %j", (text, words) => {
  expect(describeCron(parseCron(text))).toBe(words);
});
