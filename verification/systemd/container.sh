#!/bin/sh
# usage: unshare (mount, pid, cgroup, uts, ipc and net namespaces) container.sh JOURNAL
#
# Becomes a systemd that knows no unit but its own few targets, in /etc/systemd/system and /usr/lib/systemd/system of this
# namespace. It is only ever killed: on a proper end it would try to mount the machine's own file systems read-only.
set -eu
for directory in /run /etc/systemd/system /usr/lib/systemd/system /usr/lib/systemd/system-generators; do
  mount -t tmpfs -o mode=755 rig "$directory"
done
mkdir -p /run/systemd/system/service.d
# In place of a journal.
printf '[Service]\nStandardOutput=append:%s\n' "$1" >/run/systemd/system/service.d/journal.conf
umount -R /sys/fs/cgroup
mount -t cgroup2 rig /sys/fs/cgroup
for target in basic sysinit timers shutdown umount; do
  printf '[Unit]\nDescription=%s\n' "$target" >"/usr/lib/systemd/system/$target.target"
done
printf '[Unit]\nDescription=The rig\nRequires=basic.target timers.target\n' >/usr/lib/systemd/system/default.target
exec env -i container=rig PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd --system \
  --log-target=console --show-status=no
