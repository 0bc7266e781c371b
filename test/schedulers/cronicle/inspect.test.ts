import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { freezeTimers, untilFrozen } from "../../support/wait.ts";
import { replyOf, serve } from "./replay.ts";
import { sandboxFor } from "./sandbox.ts";
import { type StandIn, standIn } from "./stand-in.ts";

const STORED = ".pipelinewise/.sched/schedules/pipelinewise.testhost.json";

/** A machine with a schedule that is installed on a Cronicle. */
async function installed() {
  const cronicle = await standIn();
  const machine = sandboxFor(cronicle.url);
  expect((await machine.on("install")).code).toBe(0);
  return { cronicle, machine };
}

type Machine = Awaited<ReturnType<typeof installed>>["machine"];

async function nextRuns({ run }: Machine): Promise<readonly (string | null)[]> {
  const { pipelines } = JSON.parse((await run("status", "--json")).out);
  return pipelines.map(({ nextRunAt }: { readonly nextRunAt: string | null }) => nextRunAt);
}

/** Lets the stored install name another address of Cronicle. */
function moveTo(url: string, { home, text }: Machine): void {
  const stored = JSON.parse(text(STORED) ?? "{}");
  stored.on.cronicle.place.urls = url;
  writeFileSync(join(home, STORED), JSON.stringify(stored));
}

const NEXT = ["2026-11-23T12:05:00.000Z", "2026-11-24T03:00:00.000Z"];

test("status says nothing about events that are as they were installed, and names Cronicle", async () => {
  const { machine } = await installed();
  expect(await nextRuns(machine)).toEqual(NEXT);
  const { out, err } = await machine.run("status");
  expect(out).toMatch(/\*\/5 \* \* \* \* UTC +cronicle +2026/);
  expect(err).not.toContain("Cronicle");
});

const isOf = (tap: string) => (event: StandIn["events"][number]) => String(event["title"]).includes(tap);

test("status says nothing about settings that an install leaves to Cronicle's users", async () => {
  const { cronicle, machine } = await installed();
  cronicle.events = cronicle.events.map((event) => ({ ...event, timeout: 60, notes: "ours", title: "Orders" }));
  expect(await nextRuns(machine)).toEqual(NEXT);
  expect((await machine.run("status")).err).not.toContain("Cronicle");
});

test("status, validate, preview and diff warn about an event whose timeout in Cronicle is shorter than ours", async () => {
  const { cronicle, machine } = await installed();
  machine.put(
    "schedule.yml",
    (machine.text("schedule.yml") ?? "").replace('"*/5 * * * *"', '"*/5 * * * *", timeout: 1h'),
  );
  expect((await machine.on("install")).code).toBe(0);
  cronicle.events = cronicle.events.map((event) => ({ ...event, timeout: 3600 }));
  const warning =
    "The timeout of the event pipelinewise: orders → redshift in Cronicle is 1 h, but a start may take 1 h 1 min by its run policies. Such a run would be recorded as stopped. Set it to 0 in Cronicle, or higher.";
  for (const command of ["status", "validate", "preview"]) {
    const { err } = await machine.run(command);
    expect(err.split(warning), command).toHaveLength(2);
    expect(err).not.toContain("stock");
  }
  expect((await machine.on("diff")).err.split(warning)).toHaveLength(2);
  expect((await machine.on("install")).err).toContain(warning);
  expect(await nextRuns(machine)).toEqual(NEXT);
  cronicle.events = cronicle.events.map((event) => ({ ...event, timeout: 3661 }));
  expect((await machine.run("status")).err).not.toContain("timeout");
});

test("an entry that only runs after another one has no event, and is not missed", async () => {
  const { machine } = await installed();
  const third = "{tap: third, target: redshift, after: [{tap: stock, target: redshift}]}";
  machine.put("schedule.yml", `${machine.text("schedule.yml")}  - ${third}\n`);
  expect((await machine.on("install")).code).toBe(0);
  const { code, err } = await machine.on("diff");
  expect([code, err]).toEqual([0, expect.not.stringContaining("Cronicle lacks")]);
});

describe("status shows no next run, and status, validate, preview and diff warn", () => {
  test.each<[what: string, change: (cronicle: StandIn) => void, warning: string, next: readonly (string | null)[]]>([
    [
      "without the events",
      (cronicle) => {
        cronicle.events = [];
      },
      "Cronicle lacks events of 2 of the 2 entries of the schedule pipelinewise",
      [null, null],
    ],
    [
      "without the event of one entry",
      (cronicle) => {
        cronicle.events = cronicle.events.filter(isOf("orders"));
      },
      "Cronicle lacks events of 1 of the 2 entries of the schedule pipelinewise",
      [NEXT[0] ?? "", null],
    ],
    [
      "with a disabled event",
      (cronicle) => {
        cronicle.events = cronicle.events.map((event) => (isOf("orders")(event) ? { ...event, enabled: 0 } : event));
      },
      "The event pipelinewise: orders → redshift is disabled in Cronicle: it starts nothing until somebody enables it",
      [null, NEXT[1] ?? ""],
    ],
    [
      "with an event whose times were edited",
      (cronicle) => {
        const timing = { minutes: [7] };
        cronicle.events = cronicle.events.map((event) => (isOf("stock")(event) ? { ...event, timing } : event));
      },
      "the times or the command of the event pipelinewise: stock → redshift were edited in Cronicle after it was installed. ",
      [NEXT[0] ?? "", null],
    ],
    [
      "with events that another config directory owns",
      (cronicle) => {
        cronicle.events = JSON.parse(JSON.stringify(cronicle.events).replaceAll("/.pipelinewise", "/.other"));
      },
      "Cronicle lacks events of 2 of the 2 entries of the schedule pipelinewise",
      [null, null],
    ],
    [
      "with a server that is not Cronicle",
      (cronicle) => {
        cronicle.intercept = () => ({ status: 200, body: "<!DOCTYPE html><title>Log in</title>" });
      },
      "could not check whether Cronicle starts the schedule pipelinewise: Cronicle: ",
      [null, null],
    ],
  ])("%s", async (_, change, warning, next) => {
    const { cronicle, machine } = await installed();
    change(cronicle);
    expect(await nextRuns(machine)).toEqual(next);
    for (const command of ["status", "validate", "preview"]) {
      expect((await machine.run(command)).err, command).toContain(warning);
    }
    const { code, err } = await machine.on("diff");
    // It does not compare if another owner has the name, or if the server is not Cronicle.
    if (code !== 65 && code !== 74) expect(err.split(warning)).toHaveLength(2);
  });
});

test("status gives a Cronicle that does not answer 10 seconds", async () => {
  const { machine } = await installed();
  const { url, seen, close } = await serve(() => undefined);
  moveTo(url, machine);
  freezeTimers();
  const status = machine.run("status");
  await untilFrozen(() => seen.length > 0);
  vi.advanceTimersByTime(3_000);
  await close();
  const { err } = await status;
  expect(err).toContain("waiting up to 10 s for an answer from Cronicle at ");
  expect(err).toContain("could not check whether Cronicle starts the schedule pipelinewise: ");
});

test("status does not wait for a new primary server", async () => {
  const { machine } = await installed();
  const { url, seen } = await serve(() => ({ ...replyOf("redirect.backup-to-primary"), headers: {} }));
  moveTo(url, machine);
  const { err } = await machine.run("status");
  expect(err).toContain("could not check whether Cronicle starts the schedule pipelinewise: ");
  expect(err).not.toContain("waiting");
  expect(seen).toHaveLength(1);
});
