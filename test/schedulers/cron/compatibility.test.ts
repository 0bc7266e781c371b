import { describe, expect, test } from "vitest";
import { parseCron } from "../../../src/cron/expression.ts";
import type { Pipeline } from "../../../src/schedule/schedule.ts";
import {
  assertCompatible,
  type CrontabDraft,
  compatibilityWarnings,
} from "../../../src/schedulers/cron/compatibility.ts";
import type { DetectedCron } from "../../../src/schedulers/cron/daemon.ts";

const cron = (kind: DetectedCron["kind"], version?: string, more: Partial<DetectedCron> = {}): DetectedCron => ({
  kind,
  name: `the ${kind}`,
  version,
  runs: true,
  pid: 7,
  inContainer: false,
  ...more,
});

const pipeline = (text: string, timezone?: string): Pipeline => ({
  tap: "orders",
  target: "redshift",
  command: "run_tap",
  crons: [parseCron(text)],
  timezone,
  args: [],
  position: { line: 1, column: 1 },
});

const load = (more: Partial<CrontabDraft> = {}): CrontabDraft => ({
  crontab: "# BEGIN\n0 3 * * * run\n# END\n",
  blockAt: 1,
  pipelines: [pipeline("0 3 * * *")],
  machineZone: "UTC",
  isRoot: false,
  now: new Date("2026-11-23T12:00Z"),
  ...more,
});

const entries = (count: number): string => `MAILTO=x\n# a note\n${"0 3 * * * run\n".repeat(count)}`;
const NEW_YORK = { machineZone: "America/New_York" };
const IN_LONDON = { pipelines: [pipeline("0 3 * * *", "Europe/London")] };

test("a long line of the user is handled quickly", () => {
  const long = `A=x${" ".repeat(200_000)}y\n`;
  const draft = load({ crontab: `${long}RANDOM_DELAY = "5"${" ".repeat(200_000)}\n`, blockAt: 3 });
  expect(compatibilityWarnings(cron("cronie", "1.7.2"), draft)).toEqual([
    "line 2 of the crontab sets RANDOM_DELAY=5: the cronie starts the pipelines up to 5 minutes late",
  ]);
});

describe("a cron that cannot take the lines is refused", () => {
  test.each([
    [
      "busybox and 256 entries",
      cron("busybox"),
      { crontab: entries(256) },
      "256 entries, but the busybox accepts at most 255",
    ],
    ["old cronie and 1001 entries", cron("cronie", "1.5.7"), { crontab: entries(1001) }, "1001 entries"],
    [
      "cronie and a zone above",
      cron("cronie", "1.7.2"),
      { crontab: 'A=1\n CRON_TZ = "Asia/Tokyo"\n# BEGIN\n', blockAt: 3 },
      "line 2 of the crontab sets CRON_TZ=Asia/Tokyo",
    ],
    [
      "new systemd-cron and TZ",
      cron("systemd", "2.5.1-3"),
      { crontab: "TZ=Asia/Tokyo\n#", blockAt: 2 },
      "TZ=Asia/Tokyo",
    ],
    [
      "systemd-cron and candidates",
      cron("systemd", "1.15.19"),
      { ...NEW_YORK, ...IN_LONDON },
      "uses the time zone Europe/London",
    ],
  ])("%s", (_, here, more, message) => {
    expect(() => assertCompatible(here, load(more))).toThrow(message);
  });

  test.each([
    ["busybox and 255 entries", cron("busybox"), { crontab: entries(255) }],
    ["busybox and root", cron("busybox"), { crontab: entries(256), isRoot: true }],
    ["newer cronie", cron("cronie", "1.6.1"), { crontab: entries(1001) }],
    ["cronie and a zone below", cron("cronie"), { crontab: "# BEGIN\n# END\nCRON_TZ=Asia/Tokyo\n", blockAt: 1 }],
    ["cronie and our own zone last", cron("cronie"), { crontab: "CRON_TZ=Asia/Tokyo\nCRON_TZ=Etc/UTC\n#", blockAt: 3 }],
    ["Debian's and a zone above", cron("debian"), { crontab: "CRON_TZ=Asia/Tokyo\n#", blockAt: 2 }],
    ["old systemd-cron and TZ", cron("systemd", "1.15.19-5"), { crontab: "TZ=Asia/Tokyo\n#", blockAt: 2 }],
    ["systemd-cron in UTC", cron("systemd"), IN_LONDON],
    ["systemd-cron and its own zone", cron("systemd"), { machineZone: "Europe/London", ...IN_LONDON }],
    [
      "systemd-cron and its own zone by another name",
      cron("systemd"),
      { machineZone: "Europe/Guernsey", ...IN_LONDON },
    ],
  ])("but not %s", (_, here, more) => {
    expect(() => assertCompatible(here, load(more))).not.toThrow();
  });
});

describe("warns of", () => {
  test.each([
    [
      "no daemon",
      cron("debian", undefined, { runs: false }),
      {},
      [/^no cron daemon is running on this machine.*service cron start/],
    ],
    [
      "none in a container",
      cron("none", undefined, { runs: false, inContainer: true }),
      {},
      [/^no cron daemon is running in this container.*cron -f/],
    ],
    [
      "a cron that we do not know",
      cron("other"),
      {},
      [/^this machine runs the other, whose daylight-saving behaviour is unknown/],
    ],
    [
      "what busybox loses in a gap",
      cron("busybox"),
      { ...NEW_YORK, pipelines: [pipeline("30 2 * * *"), pipeline("15 2 * * 0"), pipeline("0 4 * * *")] },
      [/clock change of America\/New_York: orders → redshift at 2027-03-14T07:00Z, and 1 more pipeline;/],
    ],
    [
      "what systemd loses in a repeat",
      cron("systemd"),
      { ...NEW_YORK, pipelines: [pipeline("*/15 * * * *")] },
      [/clock change of America\/New_York: orders → redshift at 2027-11-07T06:00Z;/],
    ],
    ["a random delay", cron("cronie"), { crontab: "# BEGIN\n# END\nRANDOM_DELAY=45\n" }, [/^line 3 .*RANDOM_DELAY=45/]],
  ])("%s", (_, here, more, warnings) => {
    expect(compatibilityWarnings(here, load(more))).toEqual(warnings.map((warning) => expect.stringMatching(warning)));
  });

  test.each([
    ["Debian's at clock changes", cron("debian"), { ...NEW_YORK, pipelines: [pipeline("30 2 * * *")] }],
    ["cronie at clock changes", cron("cronie"), { ...NEW_YORK, pipelines: [pipeline("30 2 * * *")] }],
    [
      "busybox away from them",
      cron("busybox"),
      { ...NEW_YORK, pipelines: [pipeline("*/5 * * * *"), pipeline("0 0 * * *")] },
    ],
    [
      "busybox and another zone, which has candidates",
      cron("busybox"),
      { ...NEW_YORK, pipelines: [pipeline("30 2 * * *", "Europe/Paris")] },
    ],
    ["systemd-cron in UTC", cron("systemd"), { pipelines: [pipeline("*/5 * * * *")] }],
    ["a daemon that cannot be seen", cron("debian", undefined, { runs: undefined }), {}],
  ])("not of %s", (_, here, more) => {
    expect(compatibilityWarnings(here, load(more))).toEqual([]);
  });
});
