import { describe, expect, test } from "vitest";
import { eventDifferences, type FoundEvent } from "../../../src/schedulers/cronicle/diff.ts";
import { type CronicleEvent, pipelineEvents } from "../../../src/schedulers/cronicle/event.ts";
import { recording } from "./replay.ts";
import { frame, pipeline } from "./values.ts";

const [wanted] = pipelineEvents(pipeline("*/30 4 * * *", { note: "Orders" }), frame());
if (wanted === undefined) throw new Error("no event");

const found = (changes: Readonly<Record<string, unknown>> = {}): FoundEvent => ({ ...wanted, ...changes });
const without = (...keys: readonly (keyof CronicleEvent)[]): FoundEvent =>
  Object.assign(
    {},
    ...Object.entries(wanted).flatMap(([key, value]) => (keys.some((one) => one === key) ? [] : { [key]: value })),
  );

describe("no difference", () => {
  test.each<[string, FoundEvent]>([
    ["itself", found()],
    [
      "what Cronicle and its users add",
      found({ created: 1, modified: 2, username: "admin", api_key: "k", notify_fail: "a@b.c", web_hook: "http://x" }),
    ],
    [
      "what users may set",
      found({
        enabled: 0,
        timeout: 60,
        retries: 3,
        retry_delay: 9,
        catch_up: 1,
        max_children: 1,
        queue: 1,
        memory_limit: 1,
      }),
    ],
    ["numbers for booleans", found({ detached: "" })],
    ["zeros left out", without("stagger", "multiplex", "detached")],
    ["texts trimmed by the pages", found({ title: ` ${wanted.title}`, notes: wanted.notes.trim() })],
    ["parameters that the plugin adds", found({ params: { ...wanted.params, annotate: false, tty: 0 } })],
    [
      "lists in another order, full or empty ones",
      found({
        timing: { minutes: [30, 0, 30], hours: [4], days: [], months: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] },
      }),
    ],
  ])("%s", (_, event) => {
    expect(eventDifferences(event, wanted)).toEqual([]);
  });
});

describe("a difference is said", () => {
  test.each<[string, FoundEvent, readonly string[]]>([
    ["the target that the file sets", found({ target: "etl1" }), ["target: etl1, then allgrp"]],
    ["a number", found({ stagger: 60 }), ["stagger: 60, then none"]],
    ["the zone", found({ timezone: "UTC" }), ["timezone: UTC, then Europe/London"]],
    [
      "the times",
      found({ timing: { hours: [5], minutes: [0] } }),
      ["times: minutes 0, hours 5, then minutes 0,30, hours 4"],
    ],
    ["every minute", found({ timing: {} }), ["times: every minute, then minutes 0,30, hours 4"]],
    ["on demand", found({ timing: false }), ["times: by hand only, then minutes 0,30, hours 4"]],
    [
      "years",
      found({ timing: { ...wanted.timing, years: [2030] } }),
      ["times: minutes 0,30, hours 4, years 2030, then minutes 0,30, hours 4"],
    ],
    [
      "a line of the script",
      found({ params: { ...wanted.params, script: wanted.params.script.replace("#!/bin/sh", "#!/bin/bash") } }),
      ["script:", "- #!/bin/bash", "+ #!/bin/sh"],
    ],
    ["JSON in the output", found({ params: { ...wanted.params, json: 0 } }), ["json: none, then 1"]],
  ])("%s", (_, event, differences) => {
    expect(eventDifferences(event, wanted)).toEqual(differences);
  });
});

test("defaults that a real server added to an event count as differences", () => {
  const { event }: { event: FoundEvent } = Object(recording("get_event.minimal").response.body);
  const keys = eventDifferences(event, wanted).map((line) => line.slice(0, line.indexOf(":")));
  expect(keys).toContain("algo");
  expect(keys).not.toContain("max_children");
  expect(keys).toContain("times");
  expect(keys).not.toContain("category");
});
