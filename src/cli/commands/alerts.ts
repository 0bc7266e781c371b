import { type Command, Option } from "commander";
import { ALERT_KINDS, type AlertKind, receiverKey } from "../../alert-rules.ts";
import { deliver } from "../../alerts/receivers/deliver.ts";
import type { DeliverContext, Delivery } from "../../alerts/receivers/delivery.ts";
import { sendAlerts } from "../../alerts/send.ts";
import { type TestMessages, testMessages } from "../../alerts/test-messages.ts";
import { readOff } from "../../control/paused-entries.ts";
import { END_SIGNALS, EXIT, SchedError, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { alertRulesOf, pingRulesOf } from "../../installed/decode-later.ts";
import { readStored } from "../../installed/store.ts";
import { addressReader } from "../../run/alerts.ts";
import { loadSchedule } from "../../schedule/load.ts";
import { resolveConfigDir } from "../../storage/config-dir.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { examples, type Finish } from "../command.ts";
import { addressReaderOf } from "../environment-warnings.ts";

interface SendFlags {
  readonly name: string;
  readonly configDir?: string;
}

interface TestFlags {
  readonly name?: string;
  readonly when?: AlertKind;
  readonly configDir?: string;
}

const TEST_EXAMPLES = ["alerts test schedule.yml", "alerts test --name nightly --when failed"];

export function addAlerts(command: Command, host: Host, finish: Finish): void {
  command.addHelpText("after", examples(...TEST_EXAMPLES));
  command
    .command("test")
    .description("send a test to each receiver, and print its answer; exit code 1 if a receiver does not accept it")
    .argument("[file]", 'path of the schedule file (default: "schedule.yml")')
    .option("--name <name>", "name of an installed schedule, instead of a file")
    .addOption(new Option("--when <event>", "send only this event").choices(ALERT_KINDS))
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples(...TEST_EXAMPLES))
    .action(async (file: string | undefined, flags: TestFlags) => {
      if (file !== undefined && flags.name !== undefined) {
        throw new UsageError("--name is given with a file", "Give a schedule file or --name, not both.");
      }
      const { resolve, ...input } = await (flags.name === undefined
        ? readFromFile(file ?? "schedule.yml", flags, host)
        : readInstalled(flags.name, flags, host));
      const tests = testMessages({ ...input, kind: flags.when, host });
      if (tests.length === 0) throw nothingToTest(input.schedule, flags);
      const results = await Promise.all(tests.map((one) => sendTest(one, { host, resolve })));
      for (const { line } of results) host.stdout.write(`${line}\n`);
      if (results.some(({ isAccepted }) => !isAccepted)) finish(EXIT.notAccepted);
    });
  command
    .command("send")
    .description("send the alerts that wait; a run starts this at its end, and tend does the same")
    .requiredOption("--name <name>", "name of the installed schedule")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples("alerts send --name nightly"))
    .action(async ({ name, configDir }: SendFlags) => {
      const state = await findStateDirectory(await resolveConfigDir(host, { flag: configDir }), host.uid);
      const installed = state && (await readStored(state.paths, name, host));
      if (state === undefined || installed === undefined) throw notInstalled(name);
      if (installed.host === undefined) return;
      const schedule = installed.storedSchedule;
      const stop = new AbortController();
      // systemd ends all processes of a unit when the run ends. `tend` then sends the alerts.
      const onSignal = () => stop.abort();
      for (const signal of END_SIGNALS) host.signals.on(signal, onSignal);
      try {
        const { machineZone } = installed.host;
        const resolve = addressReader(schedule, host);
        const { paths } = state;
        const off = () => readOff({ paths, host }, schedule);
        await sendAlerts({ host, paths, schedule, machineZone, resolve, readOff: off, stop: stop.signal });
      } finally {
        for (const signal of END_SIGNALS) host.signals.off(signal, onSignal);
      }
    });
}

/** The rules of a schedule file. */
async function readFromFile(file: string, { configDir: flag }: TestFlags, host: Host) {
  const schedule = await loadSchedule(file, host);
  const { name, alerts: rules = [], pipelines: entries } = schedule;
  return { schedule: name, rules, entries, resolve: addressReaderOf(schedule, host, { flag }) };
}

/** The rules of an installed schedule. */
async function readInstalled(name: string, { configDir }: TestFlags, host: Host) {
  const state = await findStateDirectory(await resolveConfigDir(host, { flag: configDir }), host.uid);
  const installed = state && (await readStored(state.paths, name, host));
  if (installed === undefined) throw notInstalled(name);
  const { storedSchedule } = installed;
  return {
    schedule: name,
    rules: [...alertRulesOf(storedSchedule), ...pingRulesOf(storedSchedule)],
    entries: storedSchedule.entries,
    resolve: addressReader(storedSchedule, host),
  };
}

const notInstalled = (name: string): SchedError =>
  new SchedError(`no schedule ${name} is installed`, {
    exitCode: EXIT.noInput,
    hint: "`pipelinewise-sched status` shows the installed schedules.",
  });

const nothingToTest = (schedule: string, { when }: TestFlags): SchedError =>
  when === undefined
    ? new SchedError(`the schedule ${schedule} has no alerts`, {
        exitCode: EXIT.noInput,
        hint: "Add the key `alerts` to its file: docs/monitoring.md describes it.",
      })
    : new SchedError(`no rule of the schedule ${schedule} lists ${when}`, {
        exitCode: EXIT.noInput,
        hint: "Name another event, or add it to `when` of a rule.",
      });

/** Sends the messages to a receiver, until it does not accept one. @returns its last answer */
async function sendTest(
  { receiver, messages }: TestMessages,
  context: DeliverContext,
): Promise<{ readonly line: string; readonly isAccepted: boolean }> {
  let delivery: Delivery | undefined;
  for (const message of messages) {
    delivery = await deliver(receiver, message, context);
    if (delivery.kind === "failed") break;
  }
  const last = messages.at(-1);
  // The failures before may have been accepted, so the check gets its success in any case.
  if (receiver.kind === "ping" && delivery?.kind === "failed" && last !== undefined) {
    await deliver(receiver, last, context);
  }
  const isAccepted = delivery?.kind === "accepted";
  const text = delivery?.kind === "accepted" ? `accepted: ${delivery.answer}` : `not accepted: ${delivery?.reason}`;
  return { line: `${receiverKey(receiver)}  ${text}`, isAccepted };
}
