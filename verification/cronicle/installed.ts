import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "vitest";
import type { CronicleTiming } from "../../src/schedulers/cronicle/starts.ts";

/** A Cronicle on this machine, as its own installer leaves it. */
export interface InstalledCronicle {
  readonly home: string;
  /** The Node that it is run by. */
  readonly node: string;
  readonly version: string;
}

const HOME = process.env["CRONICLE_HOME"] ?? "/opt/cronicle";
/** Newer versions need Node 22.12. */
const NODE = process.env["CRONICLE_NODE"] ?? process.execPath;

function findCronicle(): InstalledCronicle | { readonly lacking: string } {
  if (!["package.json", "conf/config.json", "node_modules"].every((name) => existsSync(join(HOME, name)))) {
    return { lacking: `there is none in ${HOME} (CRONICLE_HOME names another place), and no registry has it` };
  }
  // Its own file, of npm's shape.
  const { version, engines } = JSON.parse(readFileSync(join(HOME, "package.json"), "utf8")) as {
    readonly version: string;
    readonly engines?: { readonly node?: string };
  };
  const least = /^>=(\d+\.\d+)/.exec(engines?.node ?? "")?.[1] ?? "0";
  const given = execFileSync(NODE, ["--version"], { encoding: "utf8" }).slice(1);
  if (given.localeCompare(least, "en", { numeric: true }) < 0) {
    return {
      lacking: `${version} in ${HOME} needs Node ${least}, and this is ${given.trim()} (CRONICLE_NODE names another)`,
    };
  }
  return { home: HOME, node: NODE, version };
}

/** A suite on a real Cronicle. No package registry has one, so it is skipped in plain sight where none is installed, in CI too. */
export function describeOnCronicle(title: string, body: (installed: InstalledCronicle) => void): void {
  const found = findCronicle();
  if (!("lacking" in found)) {
    describe(`Cronicle ${found.version}: ${title}`, () => body(found));
    return;
  }
  describe(`Cronicle: ${title}`, () => {
    test("runs on a real Cronicle", (context) => context.skip(found.lacking));
  });
}

/** The properties of moment-timezone's instants that the matcher reads. */
interface Moment {
  readonly minute: () => number;
}

/** The scheduler's own judgement, without its server. */
export interface OwnMatcher {
  /** Whether an event with this timing is started at an instant. */
  readonly starts: (timing: CronicleTiming, timezone: string, at: number) => boolean;
  /** Minutes east of UTC in a zone, as its zone data have it; `undefined` for a zone they do not know. */
  readonly offset: (timezone: string, at: number) => number | undefined;
}

/** Takes the matcher out of an installed Cronicle. */
export function loadMatcher({ home }: InstalledCronicle): OwnMatcher {
  const load = createRequire(join(home, "lib/main.js"));
  // Only the two exports that this test uses are declared.
  const { prototype } = load("./scheduler.js") as {
    readonly prototype: { checkEventTimingMoment(timing: CronicleTiming, at: Moment): boolean };
  };
  const moment = load("moment-timezone") as {
    tz: ((at: number, zone: string) => Moment) & { zone(name: string): { utcOffset(at: number): number } | null };
  };
  let last: { readonly key: string; readonly moment: Moment } | undefined;
  return {
    starts: (timing, timezone, at) => {
      const key = `${timezone} ${at}`;
      if (last?.key !== key) last = { key, moment: moment.tz(at, timezone) };
      return prototype.checkEventTimingMoment(timing, last.moment);
    },
    offset: (timezone, at) => {
      const west = moment.tz.zone(timezone)?.utcOffset(at);
      return west === undefined ? undefined : -west;
    },
  };
}
