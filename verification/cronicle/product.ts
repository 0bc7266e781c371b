import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { CronicleRefusal } from "../../src/schedulers/cronicle/client.ts";
import { Sandbox } from "../../test/pipelinewise/sandbox.ts";
import { SYSTEM_PATH } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import { STAND_IN } from "../rig/product.ts";
import type { InstalledCronicle } from "./installed.ts";
import { type PrivateCronicle, startCronicle } from "./server.ts";

/** A job as Cronicle has it in the end. */
interface EndedJob {
  readonly id: string;
  /** 0: a success. */
  readonly code: number | string;
  readonly description: string;
  /** As the lists of completed jobs show it beside the id; `undefined` if it has none. */
  readonly label: string | undefined;
  /** Epoch seconds of the minute it was due at. */
  readonly now: number;
  /** What it wrote. */
  readonly log: string;
}

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A line of `history --json`. */
interface HistoryRow {
  readonly id: string;
  readonly tap: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly slot?: string;
  readonly startedAt: string;
  readonly scheduled?: boolean;
  readonly triggeredBy?: string | null;
}

/** Our built program with the stand-in for PipelineWise, and a Cronicle beside them. The pipelines load into `dwh`. */
export interface CronicleProduct {
  readonly server: PrivateCronicle;
  readonly sandbox: Sandbox;
  /** Writes schedule.yml: this, and where Cronicle is. */
  readonly write: (text: string) => void;
  /** Writes schedule.yml: taps and their crons. @param command in place of the stand-in for PipelineWise */
  readonly writeSchedule: (crons: Readonly<Record<string, string>>, command?: string) => void;
  /** One of our commands on the schedule file, `--on cronicle`. */
  readonly on: (command: string, ...words: readonly string[]) => Promise<Said>;
  /** The command in a crontab for a tap. */
  readonly cronLine: (tap: string) => Promise<string>;
  /** Newest first. */
  readonly history: () => Promise<readonly HistoryRow[]>;
  /** Id of a tap's only event. */
  readonly eventOf: (tap: string) => Promise<string>;
  /** "Run now". @returns id of the job */
  readonly runNow: (tap: string) => Promise<string>;
  readonly endOf: (job: string) => Promise<EndedJob>;
  /** The job of a tap that was due at a minute, once it has ended. @param epoch seconds */
  readonly jobAt: (tap: string, epoch: number) => Promise<EndedJob>;
}

const TARGET = "dwh";
const PROGRAM = resolve("bin/pipelinewise-sched.cjs");

/** A Cronicle and a config directory without taps but `orders`, for the length of a test. */
export async function cronicleProduct(installed: InstalledCronicle): Promise<CronicleProduct> {
  const sandbox = new Sandbox(join(STAND_IN, "pipelinewise"));
  // The jobs' processes are found among those of the sandbox, like the server.
  const PATH = `${dirname(process.execPath)}:${SYSTEM_PATH}`;
  const server = await startCronicle(installed, { env: { PATH, PWS_MARK: sandbox.directory } });
  onTestFinished(() => server.stop(), 60_000);
  const file = join(sandbox.directory, "schedule.yml");
  const { call } = server;

  const endOf = async (id: string): Promise<EndedJob> => {
    const job = await waitFor(`the end of job ${id}`, 60_000, async () => {
      // For a moment a job is neither running nor stored.
      const { job: found }: { job?: Readonly<Record<string, unknown>> } = await call("get_job_status", { id }).catch(
        (error: unknown) => {
          if (error instanceof CronicleRefusal && error.code === "job") return {};
          throw error;
        },
      );
      return found?.["time_end"] === undefined ? undefined : found;
    });
    const { code, description, now } = job;
    if (typeof code !== "number" && typeof code !== "string") throw new Error(`job ${id} ended without a code`);
    const log = await fetch(`${server.url}/api/app/get_job_log?id=${id}`, { headers: { "X-API-Key": server.key } });
    const { rows } = await call("get_history", { offset: 0, limit: 1000 });
    const listed: readonly { id: string; label?: string }[] = Array.isArray(rows) ? rows : [];
    return {
      ...{ id, code, description: String(description ?? ""), now: Number(now), log: withoutFrame(await log.text()) },
      label: listed.find((one) => one.id === id)?.label,
    };
  };
  const eventOf = async (tap: string): Promise<string> => {
    const { rows } = await call("get_schedule", { offset: 0, limit: 100 });
    const events: readonly { id: string; title: string }[] = Array.isArray(rows) ? rows : [];
    const ofTap = events.filter(({ title }) => title === `pipelinewise: ${tap} → ${TARGET}`);
    if (ofTap[0] === undefined || ofTap.length > 1) throw new Error(`${ofTap.length} events of ${tap}`);
    return ofTap[0].id;
  };
  const ours = async (...words: readonly string[]): Promise<Said> => {
    const { code, stdout, stderr } = await sandbox.startOurs(words, ["/usr/bin/env", `CRONICLE_KEY=${server.key}`])
      .ended;
    return { code, out: stdout, err: stderr };
  };

  const history = async (): Promise<readonly HistoryRow[]> => {
    const { out } = await ours("history", "--json");
    return JSON.parse(out).runs;
  };

  const settings = `{url: "${server.url}", key: "\${env:CRONICLE_KEY}", category: Pipelines, target: allgrp}`;
  const write = (text: string): void => writeFileSync(file, `${text}cronicle: ${settings}\n`);

  return {
    server,
    sandbox,
    write,
    writeSchedule: (crons, command = "pipelinewise") => {
      const pipelines = Object.entries(crons).map(
        ([tap, cron]) => `  - {tap: ${tap}, target: ${TARGET}, cron: "${cron}"}\n`,
      );
      write(`timezone: UTC\npipelinewise: {command: ${command}}\npipelines:\n${pipelines.join("")}`);
    },
    // This program is not on the PATH of the server's jobs.
    on: (command, ...words) =>
      ours(
        command,
        file,
        "--on",
        "cronicle",
        ...(["install", "diff"].includes(command) ? ["--node", process.execPath, "--program", PROGRAM] : []),
        ...words,
      ),
    cronLine: async (tap) => {
      const { out } = await ours(
        ...["export", file, "--node", process.execPath, "--program", PROGRAM, "--config-dir", sandbox.config],
      );
      const line = out.split("\n").find((one) => one.includes(` --tap ${tap} `)) ?? "";
      return line.split(" ").slice(5).join(" ");
    },
    history,
    eventOf,
    runNow: async (tap) => {
      const { ids } = await call("run_event", { id: await eventOf(tap) });
      return String(Array.isArray(ids) ? ids[0] : undefined);
    },
    endOf,
    jobAt: async (tap, epoch) => {
      const event = await eventOf(tap);
      const id = await waitFor(`a job of ${tap} at ${epoch}`, 120_000, async () => {
        const { rows } = await call("get_event_history", { id: event, offset: 0, limit: 100 });
        const jobs: readonly { id: string }[] = Array.isArray(rows) ? rows : [];
        for (const { id: job } of jobs) if ((await endOf(job)).now === epoch) return job;
        return undefined;
      });
      return endOf(id);
    },
  };
}

/** A job's log without what Cronicle says at its top and its end. */
const withoutFrame = (text: string): string => text.replace(/^(?:# .*\n)+\n/, "").replace(/\n(?:# .*\n)+$/, "");
