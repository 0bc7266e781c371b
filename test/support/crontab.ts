import { EventEmitter } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { tempDirectory } from "./host.ts";

/** A crontab that is a file in a temporary directory, and the environment in which the `crontab` program keeps it. */
export interface FakeCrontab {
  readonly env: Readonly<Record<string, string>>;
  readonly signals: EventEmitter;
  /** Its text; `undefined` if the user has none. */
  readonly text: () => string | undefined;
  /** How the program was called since the last look, a line each. */
  readonly calls: () => readonly string[];
}

/** @param does what the program does wrong, or which other program it is; see `fake-crontab/crontab` */
export function fakeCrontab(text?: string, does = ""): FakeCrontab {
  const file = join(tempDirectory(), "tab");
  if (text !== undefined) writeFileSync(file, text, "latin1");
  return {
    env: {
      PATH: `${resolve("test/support/fake-crontab")}:/usr/bin:/bin`,
      FAKE_CRONTAB: file,
      FAKE_CRONTAB_DOES: does,
    },
    signals: new EventEmitter(),
    text: () => (existsSync(file) ? readFileSync(file, "latin1") : undefined),
    calls: () => {
      const calls = existsSync(`${file}.calls`) ? readFileSync(`${file}.calls`, "utf8").split("\n").slice(0, -1) : [];
      writeFileSync(`${file}.calls`, "");
      return calls;
    },
  };
}
