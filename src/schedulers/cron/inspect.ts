import { entryWords } from "../../command-line.ts";
import { StoreError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { entryPath } from "../../pipeline-id.ts";
import { readMachineZone } from "../../system/time-zone.ts";
import type { InstallProblem, StoredAtScheduler } from "../scheduler.ts";
import { type Block, findBlocks, toCrontabText } from "./block.ts";
import { crontabProgram, LOOK_LIMITS } from "./call-crontab.ts";
import { assertCompatible, noDaemonWarning } from "./compatibility.ts";
import { crontabOf } from "./crontab-program.ts";
import { type DetectedCron, detectCron } from "./daemon.ts";
import { SETS_CONFIG_DIR } from "./plan.ts";

/** Compares the block in the crontab with the stored lines, and checks that a cron daemon will read it. */
export async function inspectCrontab(installed: StoredAtScheduler, host: Host): Promise<readonly InstallProblem[]> {
  const call = crontabProgram(host, LOOK_LIMITS);
  const crontab = await crontabOf(host, call).read();
  const detected = await detectCron(host.root, call);
  const daemon = noDaemonWarning(detected);
  const block = findBlocks(crontab).find(({ mark }) => mark.name === installed.name);
  return [
    ...blockProblems(installed, block, userName(host)),
    ...(block === undefined ? [] : settingProblems(installed, { crontab, block, detected }, host)),
    ...(daemon === undefined ? [] : [{ message: daemon, differs: false }]),
  ];
}

function blockProblems(
  { name, configDir, lines, entries }: StoredAtScheduler,
  block: Block | undefined,
  user: string,
): readonly InstallProblem[] {
  if (block === undefined) {
    return [
      {
        message: `the crontab of ${user} no longer contains the block of the schedule ${name}, so cron starts none of its pipelines`,
        differs: true,
        entries: entries.map(entryPath),
      },
    ];
  }
  if (block.mark.configDir !== configDir) {
    return [
      {
        message: `the block of the schedule ${name} in the crontab of ${user} belongs to another config directory, ${block.mark.configDir}`,
        differs: true,
        entries: entries.map(entryPath),
      },
    ];
  }
  const wanted = lines.map(toCrontabText);
  if (wanted.join("\n") === block.lines.join("\n")) return [];
  const there = new Set(block.lines);
  const missing = wanted.filter((line) => !there.has(line));
  const affected = entries.filter((entry) => missing.some((line) => line.endsWith(` ${entryWords(entry).join(" ")}`)));
  const harm =
    affected.length === 0
      ? ""
      : `; cron does not start ${affected.length} of its ${entries.length} entries as they were installed`;
  return [
    {
      message: `the block of the schedule ${name} in the crontab of ${user} was edited after it was installed${harm}`,
      differs: true,
      entries: affected.map(entryPath),
    },
  ];
}

/** Lines outside the block that change when its lines start, or where their runs look for the config directory. */
function settingProblems(
  { lines, entries }: StoredAtScheduler,
  { crontab, block, detected }: { readonly crontab: string; readonly block: Block; readonly detected: DetectedCron },
  host: Host,
): readonly InstallProblem[] {
  const problems: InstallProblem[] = [];
  const setting = SETS_CONFIG_DIR.exec(crontab);
  if (
    setting !== null &&
    lines.some((line) => / (?:run --scheduled|tend)(?: |$)/.test(line) && !line.includes(" --config-dir "))
  ) {
    problems.push({
      message: `the crontab sets ${setting[1]}, so runs may look for the config directory in another place than when the schedule was installed`,
      differs: true,
    });
  }
  try {
    assertCompatible(detected, {
      crontab,
      blockAt: block.at,
      pipelines: entries,
      machineZone: readMachineZone(host.root).zone,
      isRoot: host.uid === 0,
      now: host.now(),
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    problems.push({ message: error.message, differs: true });
  }
  return problems;
}
