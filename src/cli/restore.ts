import { resolveConfigDir } from "../config-dir.ts";
import { backupPlace, carryOut } from "../crontab/act.ts";
import { readBackup } from "../crontab/backups.ts";
import { findBlocks } from "../crontab/block.ts";
import { whileInstalling } from "../crontab/install-lock.ts";
import { crontabOf } from "../crontab/system.ts";
import { type Host, userName } from "../host.ts";
import { statePaths } from "../state-paths.ts";
import { demandConsent } from "./confirm.ts";
import { renderCrontabChange } from "./render-changes.ts";

/** `install --restore`: puts a kept crontab back, whole. Shows the diff, asks, and keeps the present one first. */
export async function restore(
  wanted: string | undefined,
  options: { readonly configDir: string | undefined; readonly dryRun: boolean; readonly yes: boolean },
  host: Host,
): Promise<void> {
  const paths = statePaths(await resolveConfigDir(host, { flag: options.configDir }));
  const crontab = crontabOf(host);
  const { path, text } = await readBackup(backupPlace(paths, host), wanted, host.cwd);
  const work = async (): Promise<void> => {
    const before = await crontab.read();
    if (before === text) {
      host.stderr.write(`nothing to change: the crontab is as ${path} has it\n`);
      return;
    }
    host.stdout.write(renderCrontabChange({ before, after: text }, userName(host)));
    if (options.dryRun) {
      host.stderr.write("dry run: nothing was written\n");
      return;
    }
    if (!(await demandConsent(`Put back the crontab of ${path}?`, options.yes, host))) {
      host.stderr.write("nothing was written\n");
      return;
    }
    const backup = await carryOut({ crontab: { before, after: text }, files: [] }, paths, { host, crontab });
    host.stderr.write(`put back ${path}\nthe crontab as it was: ${backup}\n`);
    const names = findBlocks(text).map(({ mark }) => mark.name);
    host.stderr.write(
      `the stored schedules stay as they are; the crontab now holds ${names.length === 0 ? "no schedule" : names.join(", ")}: \`diff\` tells whether they still fit\n`,
    );
  };
  await (options.dryRun ? work() : whileInstalling(host, work));
}
