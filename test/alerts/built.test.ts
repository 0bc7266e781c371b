import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { until } from "../support/wait.ts";
import { startSink } from "./sink.ts";

/** Moves the clock of the sender past the minute in which it collects. */
const SHIM = `if (process.argv[2] === "alerts") {
  const { now } = Date, Real = Date;
  globalThis.Date = class extends Real { constructor(...a) { a.length ? super(...a) : super(now() + 61000); } static now() { return now() + 61000; } };
}`;

test.skipIf(!existsSync("dist/run.cjs"))(
  "a run does not wait for the process that sends its alert, which has none of its files and not its token",
  async () => {
    let answer = () => {};
    const sink = await startSink((response) => {
      answer = () => response.end("ok");
    });
    const box = sandbox("[ ! -e $HOME/broken ]");
    writeFileSync(box.file("url"), sink.url, { mode: 0o600 });
    writeFileSync(box.file("shim.cjs"), SHIM);
    writeFileSync(box.file("broken"), "");
    const url = `\${file:${box.file("url")}}`;
    box.install([anEntry()], { alerts: [{ when: ["failed", "recovered"], receiver: { kind: "webhook", url } }] });
    const env = {
      ...box.host.env,
      PIPELINEWISE_SCHED_HOST: "testhost",
      NODE_OPTIONS: `--require ${box.file("shim.cjs")}`,
    };
    const start = () =>
      new Promise<number | null>((resolve) => {
        const words = [box.host.program, "run", ...PAIR_WORDS];
        spawn(process.execPath, words, { env, cwd: box.home, stdio: "ignore" }).once("close", resolve);
      });
    const senders = () =>
      readdirSync("/proc").filter((pid) => {
        try {
          const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
          return words[2] === "alerts" && words.includes(box.paths.configDir);
        } catch {
          return false;
        }
      });
    expect(await start()).toBe(1);
    await until("the receiver has the message", () => sink.bodies.length === 1);
    const [sender] = senders();
    const processes = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid));
    const commandLines = processes.map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return ""; // The process has ended.
      }
    });
    expect(commandLines.filter((words) => words.includes("s3cr3t-of-the-hook"))).toEqual([]);
    expect(readFileSync(`/proc/${sender}/environ`, "utf8")).not.toContain("s3cr3t-of-the-hook");
    expect(readFileSync(`/proc/${sender}/environ`, "utf8")).not.toContain("PIPELINEWISE_SCHED_RUN=");
    const files = readdirSync(`/proc/${sender}/fd`).map((fd) => readlinkSync(`/proc/${sender}/fd/${fd}`));
    expect(files.filter((file) => file.includes("/locks/") && !file.includes("/.alerts/"))).toEqual([]);
    answer();
    await until("the sender has ended", () => senders().length === 0);
    expect(await start()).toBe(1);
    await until("the sender has ended", () => senders().length === 0);
    expect(sink.bodies).toHaveLength(1);
    rmSync(box.file("broken"));
    expect(await start()).toBe(0);
    await until("the receiver has the second message", () => sink.bodies.length === 2);
    answer();
    await until("the sender has ended", () => senders().length === 0);
    expect(sink.messages().flatMap(({ alerts }) => alerts.map(({ kind }) => kind))).toEqual(["failed", "recovered"]);
  },
);
