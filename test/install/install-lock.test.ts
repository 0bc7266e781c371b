import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { whileInstalling } from "../../src/install/install-lock.ts";
import { tempFolder } from "../support/host.ts";

const uid = process.getuid?.() ?? 0;
const place = (path = "/usr/bin:/bin") => ({ uid, commonTmp: tempFolder(), env: { PATH: path } });

test.each([
  ["flock", "/usr/bin:/bin", 2],
  ["a lock folder, where there is no flock", "/nowhere", 0],
])("installs of a user are one behind the other by %s", async (_, path, waits) => {
  const host = place(path);
  const steps: string[] = [];
  let waited = 0;
  const install = (name: string): Promise<void> =>
    whileInstalling(
      host,
      async () => {
        steps.push(`${name} begins`);
        for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
        steps.push(`${name} ends`);
      },
      () => waited++,
    );
  await Promise.all(["a", "b", "c"].map(install));
  for (let index = 0; index < 6; index += 2) expect(steps[index + 1]).toBe(steps[index]?.replace("begins", "ends"));
  expect(waited).toBe(waits);
});

test("an install that fails gives the lock back, and so does one that is killed", async () => {
  const host = place();
  await expect(whileInstalling(host, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  const file = join(host.commonTmp, `pipelinewise-sched-${uid}`, "install.lock");
  const killed = spawn("sh", ["-c", 'exec 3>"$0" && flock -n 3 && echo has it && exec tail -f /dev/null', file]);
  await once(killed.stdout, "data");
  let waited = false;
  const next = whileInstalling(
    host,
    async () => "in",
    () => {
      waited = true;
      killed.kill("SIGKILL");
    },
  );
  expect(await next).toBe("in");
  expect(waited).toBe(true);
});

test("its folder is for its owner alone", async () => {
  const host = place();
  await whileInstalling(host, async () => {});
  expect((lstatSync(join(host.commonTmp, `pipelinewise-sched-${uid}`)).mode & 0o777).toString(8)).toBe("700");
});

test.each([
  ["a link", (path: string) => symlinkSync("/etc", path)],
  ["a file", (path: string) => writeFileSync(path, "")],
  [
    "a folder that others may write",
    (path: string) => {
      mkdirSync(path);
      chmodSync(path, 0o777);
    },
  ],
])("what somebody else put in its place is refused: %s", async (_, put) => {
  const host = place();
  put(join(host.commonTmp, `pipelinewise-sched-${uid}`));
  await expect(whileInstalling(host, async () => "in")).rejects.toThrow(
    "is not a directory of this user with mode 700",
  );
});

test("a link in place of the lock file is refused", async () => {
  const host = place();
  mkdirSync(join(host.commonTmp, `pipelinewise-sched-${uid}`), { mode: 0o700 });
  symlinkSync("/etc/passwd", join(host.commonTmp, `pipelinewise-sched-${uid}`, "install.lock"));
  await expect(whileInstalling(host, async () => "in")).rejects.toThrow("it is a symbolic link");
});
