#!/bin/sh
# The first process of a guest kernel. Its root is this machine's, read through hostfs under a layer of its own in memory;
# so every program is simply there, and nothing that a guest writes outlives it. Then it does the scripts that the test
# puts into its directory, 1.sh, 2.sh, …, each in the background. The kernel hands on lab_name, lab_ip, lab_dir, lab_modules.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
set -e
mount -t proc proc /proc
mount -t tmpfs none /mnt
cd /mnt
mkdir -p lib/modules upper work root
ln -s "$lab_modules" "lib/modules/$(uname -r)"
for module in overlay nfsd nfsv4; do modprobe -d /mnt "$module"; done
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work none root
cd root
for place in proc:proc sysfs:sys devtmpfs:dev tmpfs:run; do mount -t "${place%:*}" none "${place#*:}"; done
mkdir -p ".$lab_dir"
mount -t hostfs -o "$lab_dir" none ".$lab_dir"
hostname "$lab_name"
echo "$lab_name" | md5sum | cut -c 1-32 >etc/machine-id
ip link set lo up
ip addr add "$lab_ip/24" dev eth0
ip link set eth0 up
exec chroot . /bin/sh -c '
  cd "$lab_dir/$lab_name"
  next=1
  : >up
  while ! [ -e off ]; do
    if [ -e "$next.sh" ]; then
      (sh "$next.sh" >"$next.out" 2>&1 </dev/null; echo $? >"$next.code"; mv "$next.code" "$next.end") &
      next=$((next + 1))
    else
      sleep 0.02
    fi
  done
  sync
  echo o >/proc/sysrq-trigger
  sleep 60'
