#!/bin/sh
# usage: unshare --mount --propagation private private-cron.sh FOLDER ZONE HOME NODE
#
# Makes this mount namespace a private cron machine: spool, /etc/crontab, cron.d, /run, machine zone, root's home, and a
# sendmail that keeps each mail as a file in FOLDER/mail. The machine's own are never touched; everything vanishes with the
# last process in the namespace. Says "ready", then stays until its stdin ends.
set -eu
directory=$1 zone=$2 home=$3 node=$4

# A writable layer over a directory. Its upper half lies on a tmpfs: in a container all else is an overlay, which cannot be one.
mkdir -p "$directory/layers" "$directory/mail"
mount -t tmpfs -o mode=755 rig "$directory/layers"
layer() {
  mkdir -p "$directory/layers/$2/new" "$directory/layers/$2/work"
  mount -t overlay -o "lowerdir=$1,upperdir=$directory/layers/$2/new,workdir=$directory/layers/$2/work" rig "$1"
}
layer /etc etc
layer "$(readlink -f /usr/sbin)" sbin
layer /usr/bin bin

test -e "/usr/share/zoneinfo/$zone"
ln -sfn "/usr/share/zoneinfo/$zone" /etc/localtime
echo "$zone" >/etc/timezone
# cron gives a job the home that passwd names, not the HOME of whoever installed the line.
sed -i "s|^\(root:.*\):[^:]*:\([^:]*\)\$|\1:$home:\2|" /etc/passwd
: >/etc/crontab
: >/etc/environment # pam_env would hand its PATH to every job
for often in d hourly daily weekly monthly; do
  mkdir -p "/etc/cron.$often"
  mount -t tmpfs -o mode=755 rig "/etc/cron.$often"
done

mount -t tmpfs -o mode=755 rig /var/spool/cron
mkdir /var/spool/cron/crontabs
chgrp crontab /var/spool/cron/crontabs
chmod 1730 /var/spool/cron/crontabs
mount -t tmpfs -o mode=755 rig /run

# Written under a dotted name first: a file in FOLDER/mail is a whole mail.
cat >/usr/sbin/sendmail <<MAIL
#!/bin/sh
mail=\$(mktemp "$directory/mail/.XXXXXXXX") && cat >"\$mail" && mv "\$mail" "$directory/mail/\${mail##*/.}"
MAIL
chmod 755 /usr/sbin/sendmail

# cron's PATH is /usr/bin:/bin, and the stand-in for PipelineWise begins with "#!/usr/bin/env node".
test -x /usr/bin/node || { : >/usr/bin/node && mount --bind "$node" /usr/bin/node; }

echo ready
exec cat >/dev/null
