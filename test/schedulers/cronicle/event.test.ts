import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pipelineEvents, readMark, renderMark, renderScript } from "../../../src/schedulers/cronicle/event.ts";
import { tempFolder } from "../../support/host.ts";
import { frame, pipeline } from "./values.ts";

test("a pipeline is one event, with all that we say of it", () => {
  expect(pipelineEvents(pipeline("0 4 * * *", { note: "Orders, <nightly>" }), frame())).toMatchInlineSnapshot(`
    [
      {
        "algo": "prefer_first",
        "catch_up": 0,
        "category": "pipelinewise",
        "cpu_limit": 0,
        "cpu_sustain": 0,
        "detached": 0,
        "enabled": 1,
        "id": "pw_shop_465e9f44dfc6",
        "log_max_size": 0,
        "max_children": 10,
        "memory_limit": 1099511627776,
        "memory_sustain": 0,
        "multiplex": 0,
        "notes": "managed-by: pipelinewise-sched
    schedule: shop
    config-dir: /srv/pw
    source: /srv/schedule.yml

    Orders, ‹nightly›
    0 4 * * * Europe/London: at 04:00 every day",
        "params": {
          "annotate": 0,
          "json": 0,
          "script": "#!/bin/sh
    # Written by pipelinewise-sched: change the schedule file, and install it again.
    if [ -n "$JOB_SOURCE" ]; then
      exec /usr/bin/node /opt/p/bin/p.cjs run --config-dir /srv/pw --schedule shop --tap orders --target warehouse --stop-within 8
    fi
    exec /usr/bin/node /opt/p/bin/p.cjs run --scheduled --config-dir /srv/pw --schedule shop --tap orders --target warehouse --stop-within 8 --output --slot "@$JOB_NOW"
    ",
        },
        "plugin": "shellplug",
        "queue": 0,
        "queue_max": 0,
        "retries": 0,
        "retry_delay": 0,
        "stagger": 0,
        "target": "allgrp",
        "timeout": 0,
        "timezone": "Europe/London",
        "timing": {
          "hours": [
            4,
          ],
          "minutes": [
            0,
          ],
        },
        "title": "shop: orders → warehouse",
      },
    ]
  `);
});

test("an event keeps its id, whatever its times and notes; further ones have a number", () => {
  const ids = (...crons: string[]) => pipelineEvents(pipeline(crons), frame()).map(({ id }) => id);
  const [id] = ids("0 4 * * *");
  expect(id).toMatch(/^pw_shop_[0-9a-f]{12}$/);
  expect(ids("0 5 * * 1", "0 6 * * 2")).toEqual([id, `${id}_2`]);
});

test("each entry of each schedule has an id of its own, of letters, digits and _", () => {
  const mark = { schedule: "my-shop", configDir: "/srv/pw", source: "/s.yml" };
  const ids = [
    ...pipelineEvents(pipeline("0 4 * * *"), frame()),
    ...pipelineEvents(pipeline("0 4 * * *"), frame({ mark })),
    ...pipelineEvents(pipeline("0 4 * * *", { command: "sync_tables" }), frame()),
    ...pipelineEvents(pipeline("0 4 * * *", { id: "weekly" }), frame()),
    ...pipelineEvents(pipeline("0 4 * * *", { tap: "or.ders-2" }), frame()),
  ].map(({ id }) => id);
  expect(new Set(ids).size).toBe(5);
  for (const id of ids) expect(id).toMatch(/^[a-z0-9_]+$/);
});

test("the titles of several events tell them apart", () => {
  const titles = (crons: readonly string[], zone = "Europe/London") =>
    pipelineEvents(pipeline(crons, { timezone: zone, command: "sync_tables" }), frame()).map(({ title }) => title);
  expect(titles(["30 1 1 * 5", "30 1 * * 0"])).toEqual([
    "shop: orders → warehouse (sync_tables), 1 of 2",
    "shop: orders → warehouse (sync_tables), 2 of 2",
    "shop: orders → warehouse (sync_tables), after a clock change",
  ]);
});

test("the notes say what Cronicle's times do not", () => {
  const notes = (cron: string, timezone: string | undefined) =>
    pipelineEvents(pipeline(cron, { timezone }), frame()).map((event) => event.notes.split("\n").slice(5));
  expect(notes("0 9 * * 1", undefined)).toEqual([["0 9 * * 1 UTC: at 09:00 on Monday"]]);
  expect(notes("0 9 * * 1", "Europe/Kyiv")).toEqual([
    ["0 9 * * 1 Europe/Kyiv: at 09:00 on Monday", "Cronicle has no such zone; Europe/Kiev keeps the same time."],
  ]);
  expect(notes("0 9 * * 1", "Africa/Cairo")[0]?.[1]).toContain("it starts more often, in UTC, and the run decides");
  expect(notes("30 1 * * *", "Europe/London")[1]?.[1]).toContain("makes up what the clocks skip");
});

test("whose an event is can be read back from its notes", () => {
  const { mark } = frame();
  expect(readMark(renderMark(mark))).toEqual(mark);
  expect(readMark(`\n${renderMark(mark).replaceAll("\n", "\r\n")}\r\n\r\nmore`)).toEqual(mark);
  for (const notes of ["", "mine", "managed-by: pipelinewise-sched", `seen: ${renderMark(mark)}`]) {
    expect(readMark(notes)).toBeUndefined();
  }
});

/** The words that the script of a pipeline calls the wrapper with. */
function calledWith(env: Readonly<Record<string, string>>): readonly string[] {
  const folder = tempFolder("it's a folder-");
  const node = join(folder, "node");
  writeFileSync(node, '#!/bin/sh\nprintf "%s\\n" "$@"\n');
  chmodSync(node, 0o755);
  const script = join(folder, "script.sh");
  writeFileSync(script, renderScript({ ...frame().call, node }, pipeline("0 4 * * *", { id: "nightly" })));
  return execFileSync("/bin/sh", [script], { encoding: "utf8", env }).trimEnd().split("\n");
}

const COMMON = [
  "--config-dir",
  "/srv/pw",
  "--schedule",
  "shop",
  "--tap",
  "orders",
  "--target",
  "warehouse",
  "--id",
  "nightly",
  "--stop-within",
  "8",
];

test("a due start calls the wrapper as a scheduler, for the minute it is due", () => {
  expect(calledWith({ JOB_NOW: "1795418700" })).toEqual([
    "/opt/p/bin/p.cjs",
    "run",
    "--scheduled",
    ...COMMON,
    "--output",
    "--slot",
    "@1795418700",
  ]);
});

test("a start that somebody asked for stands for no due time", () => {
  expect(calledWith({ JOB_NOW: "1795418733", JOB_SOURCE: "Manual (admin)" })).toEqual([
    "/opt/p/bin/p.cjs",
    "run",
    ...COMMON,
  ]);
});
