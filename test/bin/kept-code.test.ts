import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { tempFolder } from "../support/host.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");
const TICK = ["run", "--scheduled", "--tap", "orders", "--target", "redshift"];
const MISSING = /the config directory .* does not exist/;

interface Started {
  readonly status: number | null;
  readonly stderr: string;
  /** What became of the kept code of each file that was loaded. */
  readonly code: Readonly<Record<string, "none" | "taken" | "refused">>;
}

/** Reports at its end how V8 was given each of our scripts. */
const WITNESS = `
const vm = require("node:vm");
const seen = {};
const { Script } = vm;
vm.Script = class extends Script {
  constructor(source, options) {
    super(source, options);
    const name = options.filename.split("/").pop();
    seen[name] ??= options.cachedData === undefined ? "none" : this.cachedDataRejected ? "refused" : "taken";
  }
};
process.on("exit", () => require("node:fs").writeFileSync(process.env.WITNESS, JSON.stringify(seen)));
`;

function start(folder: string, words: readonly string[] = TICK, nodeFlags: readonly string[] = []): Started {
  const home = tempFolder();
  const witness = join(home, "witness.cjs");
  writeFileSync(witness, WITNESS);
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    PIPELINEWISE_SCHED_CODE_CACHE: folder,
    WITNESS: join(home, "seen.json"),
  };
  const argv = [...nodeFlags, "--require", witness, PROGRAM, ...words];
  const { status, stderr } = spawnSync(process.execPath, argv, { env, cwd: home, encoding: "utf8" });
  return { status, stderr, code: JSON.parse(readFileSync(env.WITNESS, "utf8")) as Started["code"] };
}

const fileOf = (folder: string, chunk: string): string =>
  join(folder, readdirSync(folder).find((name) => name.startsWith(`${chunk}-`)) ?? `no code of ${chunk}`);

describe("compiled code", () => {
  test("is kept by the first start, for its user alone, and taken by the next", () => {
    const folder = join(tempFolder(), "code");
    const first = start(folder);
    expect(first.code["run.cjs"]).toBe("none");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(fileOf(folder, "run.cjs")).mode & 0o777).toBe(0o600);
    const second = start(folder);
    expect(second.code["run.cjs"]).toBe("taken");
    expect([first, second].map(({ status }) => status)).toEqual([74, 74]);
    expect(second.stderr).toMatch(MISSING);
    expect(readdirSync(folder).filter((name) => name.includes("tmp"))).toEqual([]);
  });

  test("of the other door is kept and taken alike", () => {
    const folder = join(tempFolder(), "code");
    const schedule = join(tempFolder(), "schedule.yml");
    writeFileSync(schedule, 'pipelines: [{tap: orders, target: redshift, cron: "@daily", timezone: UTC}]\n');
    const words = ["preview", schedule, "--count", "1", "--json"];
    expect(start(folder, words).status).toBe(0);
    const { status, code } = start(folder, words);
    expect(status).toBe(0);
    expect(code["main.cjs"]).toBe("taken");
    expect(new Set(Object.values(code))).toEqual(new Set(["taken"]));
  });

  test("that a power cut or a disk has garbled is not used, and kept anew", () => {
    const folder = join(tempFolder(), "code");
    start(folder);
    const file = fileOf(folder, "run.cjs");
    const bytes = readFileSync(file);
    for (const garbled of [
      Buffer.alloc(0),
      bytes.subarray(0, 5_000),
      bytes.map((byte, at) => (at === 9_000 ? byte ^ 1 : byte)),
    ]) {
      writeFileSync(file, garbled);
      const { code, stderr } = start(folder);
      expect(code["run.cjs"]).not.toBe("taken");
      expect(stderr).toMatch(MISSING);
      expect(start(folder).code["run.cjs"]).toBe("taken");
    }
  });

  test("that was kept under other flags of V8 is refused by V8, and kept anew", () => {
    const folder = join(tempFolder(), "code");
    start(folder);
    const other = start(folder, TICK, ["--no-opt"]);
    expect(other.code["run.cjs"]).toBe("refused");
    expect(other.stderr).toMatch(MISSING);
    expect(start(folder, TICK, ["--no-opt"]).code["run.cjs"]).toBe("taken");
  });

  test("is neither taken from a folder that others may enter or that a link leads to, nor put there", () => {
    const open = join(tempFolder(), "open");
    start(open);
    chmodSync(open, 0o755);
    const before = readdirSync(open);
    const real = join(tempFolder(), "real");
    mkdirSync(real, { mode: 0o700 });
    const link = join(tempFolder(), "link");
    symlinkSync(real, link);
    for (const folder of [open, link]) {
      const { code, stderr } = start(folder);
      expect(code["run.cjs"]).toBe("none");
      expect(stderr).toMatch(MISSING);
    }
    expect(readdirSync(open)).toEqual(before);
    expect(readdirSync(real)).toEqual([]);
  });

  test("is done without where its folder cannot be made, or none is wanted", () => {
    const file = join(tempFolder(), "file");
    writeFileSync(file, "");
    for (const folder of [join(file, "code"), ""]) {
      const { code, status, stderr } = start(folder);
      expect(code["run.cjs"]).toBe("none");
      expect(status).toBe(74);
      expect(stderr).toMatch(MISSING);
    }
  });

  test("of versions that nobody starts any more is removed after a week", () => {
    const folder = join(tempFolder(), "code");
    mkdirSync(folder, { mode: 0o700 });
    const [old, young] = [join(folder, "run.cjs-0000000000000000-v18.0.0-x64"), join(folder, "young")];
    for (const file of [old, young]) writeFileSync(file, "");
    const tenDaysAgo = new Date(Date.now() - 10 * 86_400_000);
    utimesSync(old, tenDaysAgo, tenDaysAgo);
    start(folder);
    expect(readdirSync(folder)).toContain("young");
    expect(readdirSync(folder)).not.toContain("run.cjs-0000000000000000-v18.0.0-x64");
  });
});
