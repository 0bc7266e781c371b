import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, test } from "vitest";
import { tempDirectory } from "../support/host.ts";

const canMount = spawnSync("unshare", ["-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).status === 0;

const SCHEDULE = (minute: number): string =>
  `pipelinewise: {command: /bin/true}\npipelines: [{tap: orders, target: redshift, cron: "${minute} * * * *"}]\n`;

/**
 * Installs twice on a config directory that is a file system of its own, in a mount namespace of its own: once with
 * room, once (another minute) with room for just `room` more files, or read-only. Prints what the config directory
 * holds after each.
 */
const SCRIPT = `
set -u
install() { node "$work/call.cjs" install "$work/$1.yml" --replace --config-dir "$disk" 2>"$work/$1.err"; echo "$1 $?"; }
show() { cd "$disk/.sched" && find . -type f ! -path './backups/*' | sort | xargs sha256sum; sha256sum <"$FAKE_CRONTAB"; }
mount -t tmpfs -o mode=700,size=8m tmpfs "$disk"
install first && show >"$work/before"
case $room in
  ro) mount -o remount,ro "$disk" ;;
  *) used=$(df --output=iused "$disk" | tail -1) && mount -o "remount,nr_inodes=$((used + room))" "$disk" ;;
esac
install second
show >"$work/after"
`;

describe.skipIf(!canMount)(
  "where the disk gets full at any step of an install (needs root, for a mount of its own)",
  () => {
    let program = "";

    beforeAll(async () => {
      const build = await rolldown({
        input: resolve("src/cli/entry/main.ts"),
        platform: "node",
        transform: { define: { PROGRAM_VERSION: '"0.0.0"' } },
      });
      const { output } = await build.generate({ format: "cjs", codeSplitting: false });
      await build.close();
      program = output[0].code;
    });

    function tryInstall(room: string): { readonly code: number; readonly err: string; readonly same: boolean } {
      const work = tempDirectory();
      const disk = join(work, "disk");
      mkdirSync(disk);
      writeFileSync(join(work, "main.cjs"), program);
      writeFileSync(
        join(work, "call.cjs"),
        'require("./main.cjs").open(process.argv.slice(2), "/opt/pipelinewise-sched");\n',
      );
      writeFileSync(join(work, "first.yml"), SCHEDULE(1));
      writeFileSync(join(work, "second.yml"), SCHEDULE(2));
      writeFileSync(join(work, "tab"), "a\n");
      const env = {
        PATH: `${resolve("test/support/fake-crontab")}:${join(process.execPath, "..")}:/usr/bin:/bin:/usr/sbin:/sbin`,
        HOME: work,
        FAKE_CRONTAB: join(work, "tab"),
        work,
        disk,
        room,
      };
      const out = execFileSync("unshare", ["-m", "--propagation", "private", "sh", "-c", SCRIPT], {
        env,
        encoding: "utf8",
      });
      if (!/^first 0$/m.test(out)) throw new Error(readFileSync(join(work, "first.err"), "utf8"));
      return {
        code: Number(/^second (\d+)$/m.exec(out)?.[1]),
        err: readFileSync(join(work, "second.err"), "utf8"),
        same: readFileSync(join(work, "before"), "utf8") === readFileSync(join(work, "after"), "utf8"),
      };
    }

    test("an install writes everything or changes nothing", () => {
      const tries = Array.from({ length: 6 }, (_, room) => tryInstall(String(room)));
      const failed = tries.filter(({ code }) => code !== 0);
      for (const { code, err, same } of failed) {
        expect({ code, same }).toEqual({ code: 74, same: true });
        expect(err).toMatch(/^pipelinewise-sched: cannot .*: the disk is full$/m);
      }
      // Each step that makes a file was the one that found no room, and one more file was room enough for all.
      const kept = "The file is unchanged.";
      expect(failed.map(({ err }) => [/cannot (.*?) \//.exec(err)?.[1], err.includes(kept)])).toEqual([
        ["back up", false],
        ["back up", false],
        ["write", true],
        ["write the crontab backup", false],
        ["write the crontab backup", false],
      ]);
      expect(tries.at(-1)).toMatchObject({ code: 0, same: false });
    });

    test("the same on a file system that is read-only, even for root", () => {
      const { code, err, same } = tryInstall("ro");
      expect({ code, same }).toEqual({ code: 74, same: true });
      expect(err).toMatch(/^pipelinewise-sched: cannot .*: the file system is read-only$/m);
    });
  },
);
