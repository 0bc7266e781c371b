import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { testHost } from "../support/host.ts";

const FILE = `cronicle: {url: "http://localhost:3012", key: "\${env:KEY}"}
pipelines:
  - {tap: orders, target: dwh, cron: "0 3 * * *"}
  - {tap: stock, target: dwh, cron: "0 4 * * *", catch_up: 12h}
  - {tap: prices, target: dwh, cron: "0 5 * * *", catch_up: 12h}
`;

test.each<[on: string, warning: RegExp | undefined]>([
  ["cron", undefined],
  ["systemd", undefined],
  ["airflow", /`catch_up` has no effect on Airflow\n.*Airflow itself runs the newest missed time/],
  ["cronicle", /`catch_up` has no effect on Cronicle\n.*Run All Mode/],
])("an export for %s warns once if the scheduler ignores catch_up", async (on, warning) => {
  const host = testHost();
  const file = join(host.home, "schedule.yml");
  writeFileSync(file, FILE);
  const call = ["--node", "/usr/bin/node", "--program", "/opt/sched", "--config-dir", "/etc/pipelinewise"];
  const code = await main(["export", "--on", on, ...call, "--output", host.home, file], host);
  expect({ code, err: host.err() }).toMatchObject({ code: 0 });
  if (warning === undefined) expect(host.err()).not.toContain("catch_up");
  else expect(host.err()).toMatch(warning);
  expect(host.err().match(/catch_up/g) ?? []).toHaveLength(warning === undefined ? 0 : 2);
});
