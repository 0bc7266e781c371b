import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { whileInstalling } from "../../src/install/install-lock.ts";
import { tempDirectory } from "../support/host.ts";
import { until } from "../support/wait.ts";

const uid = process.getuid?.() ?? 0;
const place = (path = "/usr/bin:/bin") => {
  const home = tempDirectory();
  return { uid, ownState: join(home, "state/here"), commonTmp: tempDirectory(), env: { PATH: path } };
};

test.each([
  ["flock", "/usr/bin:/bin", 2],
  ["a lock directory if there is no flock", "/nowhere", 0],
])("installs of one user run one after the other, by %s", async (_, path, waits) => {
  const host = place(path);
  const steps: string[] = [];
  let waited = 0;
  const install = (name: string): Promise<void> =>
    whileInstalling(
      host,
      async () => {
        steps.push(`${name} begins`);
        // The first install goes on only when the others wait for it.
        await until("the other installs wait", () => waited === waits);
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
  const file = join(host.ownState, "install.lock");
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

test("its directory is for its owner alone", async () => {
  const host = place();
  await whileInstalling(host, async () => {});
  expect((lstatSync(host.ownState).mode & 0o777).toString(8)).toBe("700");
});

test.each([
  ["a link", (path: string) => symlinkSync("/etc", path)],
  ["a file", (path: string) => writeFileSync(path, "")],
  [
    "a directory that others may write",
    (path: string) => {
      mkdirSync(path);
      chmodSync(path, 0o777);
    },
  ],
])("what somebody else puts into the common directory matters only to a user without a home: %s", async (_, put) => {
  const host = place();
  put(join(host.commonTmp, `pipelinewise-sched-${uid}`));
  expect(await whileInstalling(host, async () => "in")).toBe("in");
  await expect(whileInstalling({ ...host, ownState: undefined }, async () => "in")).rejects.toThrow(
    "is not a directory of this user that only this user can write",
  );
});

test("a link in place of the lock file is refused", async () => {
  const host = place();
  mkdirSync(host.ownState, { recursive: true, mode: 0o700 });
  symlinkSync("/etc/passwd", join(host.ownState, "install.lock"));
  await expect(whileInstalling(host, async () => "in")).rejects.toThrow("it is a symbolic link");
});

test("a user whose home cannot be used has the lock in the common directory", async () => {
  const host = { ...place(), ownState: "/dev/null/state" };
  expect(await whileInstalling(host, async () => "in")).toBe("in");
  expect(existsSync(join(host.commonTmp, `pipelinewise-sched-${uid}`, "install.lock"))).toBe(true);
});
