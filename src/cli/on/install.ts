import { withFiles } from "../../crontab/act.ts";
import { NothingDoneError } from "../../exporters/plan.ts";
import type { Host } from "../../host.ts";
import { type OnWish, prepareOn } from "./prepare.ts";

/** `install --on` another scheduler than cron. */
export async function installOn(file: string, wish: OnWish, dryRun: boolean, host: Host): Promise<void> {
  const { exporter, sound, paths, stored, prepared, changesSomething, text } = await prepareOn(file, wish, host);
  const { name, pipelines } = sound.schedule;
  if (!changesSomething) {
    host.stderr.write(`nothing to change: ${name} is installed on ${exporter.title} as ${file} has it\n`);
    return;
  }
  host.stdout.write(text);
  if (dryRun) {
    host.stderr.write("dry run: nothing was written\n");
    return;
  }
  const notes = await withFiles(stored.files, paths, host, {
    act: prepared.apply,
    hasDoneNothing: (error) => error instanceof NothingDoneError,
  });
  const count = `${pipelines.length} pipeline${pipelines.length === 1 ? "" : "s"}`;
  host.stderr.write(`installed ${name} on ${exporter.title}: ${count}, config directory ${paths.configDir}\n`);
  for (const note of notes) host.stderr.write(`${note}\n`);
}
