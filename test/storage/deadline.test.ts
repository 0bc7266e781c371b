import { describe, expect, test } from "vitest";
import { StoreError } from "../../src/errors.ts";
import { allLocal, limitTime } from "../../src/storage/deadline.ts";

const ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";

test.each([
  ["a disk alone", ROOT, true],
  ["systemd's autofs for binfmt_misc", `${ROOT}30 22 0:28 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n`, true],
  ["a container's overlay", "40 22 0:30 / / rw - overlay overlay rw,lowerdir=/l\n", true],
  ["NFS", `${ROOT}90 22 0:50 / /mnt/share rw - nfs4 server:/x rw,vers=4.1\n`, false],
  ["a share by FUSE", `${ROOT}91 22 0:51 / /mnt/ssh rw - fuse.sshfs host:/ rw\n`, false],
  ["an automounter of shares", `${ROOT}92 22 0:52 / /net rw - autofs /etc/auto.net rw\n`, false],
  ["an unknown kind", `${ROOT}93 22 0:53 / /x rw - newfs y rw\n`, false],
])("whether all that is mounted answers from this machine: %s", (_case, mountinfo, expected) => {
  expect(allLocal(mountinfo)).toBe(expected);
});

describe("a share that does not answer", () => {
  const SOON_MS = 20;

  test("is given up after a while, with its path and what to look at", async () => {
    let answer: (value: string) => void = () => {};
    const work = new Promise<string>((resolve) => {
      answer = resolve;
    });
    await expect(limitTime(work, "/pw/.sched", SOON_MS)).rejects.toMatchObject({
      exitCode: 74,
      message: "/pw/.sched did not respond within 0.02 s",
      hint: expect.stringContaining("Check the network file system"),
    });
    // Cleaning up afterwards does not wait for another minute.
    const never = new Promise(() => {});
    await expect(limitTime(never, "/pw/.sched", 60_000)).rejects.toThrow(StoreError);
    answer("at last");
  });

  test.each([
    { what: "an answer", work: () => Promise.resolve("here"), gives: { value: "here" } },
    { what: "a fault", work: () => Promise.reject(new Error("EIO")), gives: { error: new Error("EIO") } },
  ])("$what that comes in time is passed on", async ({ work, gives }) => {
    const got = await limitTime<string>(work(), "/pw", 60_000).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    expect(got).toEqual(gives);
  });
});
