/** Times that one or the other scheduler reads in a way of its own, most of them at clock changes. */
const CRONS: Readonly<Record<string, readonly (string | readonly string[])[]>> = {
  "Europe/London": [
    "*/5 * * * *",
    "0 * * * *",
    "30 1 * * *",
    "15,45 1 * * *",
    "*/15 1 * * *",
    "0 2 * * *",
    "59 0 * * *",
    "15 1-3 * * *",
    "30 0-23 * * *",
    "0 0 * * 6",
    "30 1 25-31 * 0",
    ["*/20 8-18 * * 1-5", "30 1 * * 0"],
  ],
  "America/New_York": ["30 2 * * *", "30 1 * * *", "30 */2 * * *", "45 1-3 * * *", "0 2 1 * 1", "*/20 1,2 * * *"],
  "Australia/Lord_Howe": ["0 * * * *", "15 2 * * *", "*/10 1-2 * * *", "0 2 * * 0", "45 1 * * *", "30 1 */2 * 0"],
  "Asia/Kathmandu": ["30 1 * * *", "0 0 1 * 1", "*/15 0 * * *", "0 3 31 * *"],
};

/** A schedule of more than 25 pipelines in four zones, as a file; some in the machine's own. */
export const NASTY = [
  "name: nasty",
  "pipelines:",
  ...Object.entries(CRONS).flatMap(([zone, crons], index) =>
    crons.map(
      (cron, number) =>
        `  - {tap: t${index}_${number}, target: g, cron: ${JSON.stringify(cron)}, timezone: ${zone}, note: "100% of $it"}`,
    ),
  ),
  '  - {tap: machine_1, target: g, cron: "30 2 * * *"}',
  '  - {tap: machine_2, target: g, cron: "*/30 * * * *"}',
  "",
].join("\n");
