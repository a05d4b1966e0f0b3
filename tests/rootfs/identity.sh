#!/bin/sh
# A Debian whose packages an ordinary user installs under fake ids, against one of real root in a
# chroot: every file must have the same owner and mode in both.  tests/long/packages.sh goes on.
#
#   identity.sh NESTP
set -u
here=$(cd "$(dirname "$0")" && pwd)
architecture=amd64
. "$here/lib.sh"
. "$here/pair.sh"
nestp=$(absolute "$1")
begin_pair
unpack_pair
compare 'owners, modes and types are those of real root'

packages='openssh-server dbus sudo man-db cron'
both "apt-get install $packages" "apt-get update -qq && apt-get install -y --no-install-recommends $packages"
compare 'they still are when packages are installed'

in_check 'dpkg-deb --build and tar keep owners' '
  mkdir -p /tmp/p/DEBIAN /tmp/p/x && echo text >/tmp/p/x/f && chown -R man:www-data /tmp/p/x
  chmod 4750 /tmp/p/x/f
  printf "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n" \
    >/tmp/p/DEBIAN/control
  dpkg-deb --build /tmp/p /tmp/p.deb && dpkg-deb -c /tmp/p.deb | grep -- "-rwsr-x--- man/www-data .* ./x/f"
  tar -C /tmp -cf - p | tar -tvf - | grep -- "-rwsr-x--- man/www-data .* p/x/f"
  dpkg -i /tmp/p.deb && stat -c "%U %G %a" /x/f | grep "^man www-data 4750$" && dpkg --purge p'
in_check 'what find takes for a device is one' '
  rm -rf /tmp/d && mkdir /tmp/d && mknod /tmp/d/null c 1 3 && mknod /tmp/d/disk b 8 0 && touch /tmp/d/file
  [ "$(find /tmp/d -type c -o -type b | sort | tr "\n" " ")" = "/tmp/d/disk /tmp/d/null " ]
  tar -C /tmp -cf - d | tar -C /opt -xf - && [ "$(find /opt/d -type c)" = /opt/d/null ]
  rm -r /tmp/d /opt/d'
in_check 'sudo and su change users' '
  echo "daemon ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/daemon
  su -s /bin/sh daemon -c "id -un; sudo -n id -un; sudo -n -u man id -un" 2>/dev/null | tr "\n" " " |
    grep "^daemon root man "
  ! su -s /bin/sh daemon -c "cat /etc/shadow"
  rm /etc/sudoers.d/daemon'
in_check 'a user logs in by sshd on loopback' '
  useradd -m -s /bin/bash alice && mkdir -p /run/sshd
  su alice -c "umask 077; mkdir ~/.ssh; ssh-keygen -q -t ed25519 -N \"\" -f ~/.ssh/id; cp ~/.ssh/id.pub ~/.ssh/authorized_keys"
  /usr/sbin/sshd -p 22022 -E /tmp/sshd.log
  su alice -c "ssh -tt -p 22022 -i ~/.ssh/id -o StrictHostKeyChecking=no 127.0.0.1 \"id -un; stat -c %U \\\$(tty)\"" \
    >/tmp/ssh.out 2>&1 || { cat /tmp/ssh.out /tmp/sshd.log; exit 1; }
  tr -d "\r" </tmp/ssh.out | grep -c "^alice$" | grep 2
  userdel -r alice 2>/dev/null'
in_check 'the bus knows who talks to it' '
  mkdir -p /run/dbus && dbus-daemon --system --fork --nopidfile
  dbus-send --system --print-reply --dest=org.freedesktop.DBus / \
    org.freedesktop.DBus.GetConnectionUnixUser string:org.freedesktop.DBus | grep "uint32 $(id -u messagebus)"
  su -s /bin/sh daemon -c "dbus-send --system --print-reply --dest=org.freedesktop.DBus / \
    org.freedesktop.DBus.ListNames" | grep freedesktop'

# Killed at any moment, nothing that was told is lost.
in_fake sh -c 'echo $PPID >/tmp/tracer; mkdir /tmp/k; for n in $(seq 300); do
  touch /tmp/k/$n; ln -s x /tmp/k/l$n; chown -h $n:$n /tmp/k/$n /tmp/k/l$n && chmod 0 /tmp/k/$n && echo $n; done' \
  >"$base/done" 2>"$base/output" &
while [ ! -e "$copy/tmp/k/20" ] && kill -0 $! 2>/dev/null; do sleep 0.1; done
kill -KILL "$(cat "$copy/tmp/tracer")"
wait
last=$(tail -n 1 "$base/done")
in_fake sh -ec "for n in \$(seq ${last:-0}); do
  [ \"\$(stat -c '%u %g %a' /tmp/k/\$n)\" = \"\$n \$n 0\" ]; [ \"\$(stat -c '%u %g' /tmp/k/l\$n)\" = \"\$n \$n\" ]; done" \
  >"$base/output" 2>&1
report $? "killed after ${last:-0} files: all are as they were told"
in_fake rm -rf /tmp/k /tmp/p /tmp/p.deb /tmp/data >"$base/output" 2>&1
left=$(python3 -c '
import sqlite3, sys
base = sqlite3.connect(sys.argv[1])
print(base.execute("select count(*) from owner where user between 1 and 300 and mode = 41471").fetchone()[0])' \
  "$copy.nestp-owners")
[ "$left" = 0 ]
report $? "no record of what was removed is left ($left)"
finish
