import { expect, test } from "vitest";
import { allLocal } from "../src/share.ts";

const ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";

test.each([
  ["a disk alone", ROOT, true],
  ["systemd's autofs for binfmt_misc", `${ROOT}30 22 0:28 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n`, true],
  ["a container's overlay", "40 22 0:30 / / rw - overlay overlay rw,lowerdir=/l\n", true],
  ["NFS", `${ROOT}90 22 0:50 / /mnt/share rw - nfs4 server:/x rw,vers=4.1\n`, false],
  ["a share by FUSE", `${ROOT}91 22 0:51 / /mnt/ssh rw - fuse.sshfs host:/ rw\n`, false],
  ["an automounter of shares", `${ROOT}92 22 0:52 / /net rw - autofs /etc/auto.net rw\n`, false],
  ["a kind that we have never heard of", `${ROOT}93 22 0:53 / /x rw - newfs y rw\n`, false],
])("whether all that is mounted answers from this machine: %s", (_case, mountinfo, expected) => {
  expect(allLocal(mountinfo)).toBe(expected);
});
