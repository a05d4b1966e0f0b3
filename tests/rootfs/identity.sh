#!/bin/sh
# A Debian whose packages an ordinary user installs under fake ids, against one of real root in a
# chroot: every file must have the same owner and mode in both.
#
#   identity.sh NESTP
#
# NESTP_TEST_LONG=1: more packages, a database server among them (three minutes more).
set -u
here=$(cd "$(dirname "$0")" && pwd)
architecture=amd64
. "$here/lib.sh"
nestp=$(absolute "$1")
[ "$(id -u)" = 0 ] || skip_all 'needs root, for comparison'

packages='openssh-server dbus sudo man-db cron'
[ -z "${NESTP_TEST_LONG-}" ] ||
  packages="$packages postgresql nginx-light python3-pip rsyslog exim4-daemon-light at
    git default-jre-headless systemd logrotate libpam-modules fakeroot bind9 redis-server"

image=$("$here/make_rootfs.sh" "$architecture" 2>/dev/null)
case $? in 0) ;; 77) skip_all 'no root file system here' ;; *) echo 'Bail out! no root file system'; exit 1 ;; esac
base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-rootfs.XXXXXX") || exit 1
# A killed chroot must not have its mounts removed with it.
trap 'chmod -R u+rwX "$base" 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$base"
cp "$nestp" "$base/nestp"
real=$base/real copy=$base/fake
mkdir "$real" "$copy"
chown $user:$user "$base" "$copy"

# fake WORD...: as the ordinary user, believing to be root.
fake() {
  (cd / && as_user env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive timeout -k 5 "${limit:-900}" "$base/nestp" -0 --on-exit=kill \
    "$@" </dev/null)
}
in_fake() {
  fake -r "$copy" -b /dev -b /proc -b /sys -b /etc/resolv.conf -w / "$@"
}
in_real() {
  unshare -m --propagation private sh -c '
    root=$1
    shift
    for kernel in dev proc sys; do mount --rbind /$kernel "$root/$kernel"; done
    exec timeout -k 5 900 chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"' sh "$real" "$@" </dev/null
}

tar -C "$real" --exclude './dev/*' -xpf - <"$image"
cp /etc/resolv.conf "$real/etc/resolv.conf"
cp "$image" "$base/image" && chmod 644 "$base/image"
fake -w "$copy" tar --exclude './dev/*' -xpf "$base/image" >"$base/output" 2>&1
report $? 'tar unpacks as fake root'
rm "$base/image"
fake -w "$copy" sh -c 'cp /etc/resolv.conf etc/; chmod 755 .' >"$base/output" 2>&1
chmod 755 "$real"

cat >"$base/list" <<'END'
cd / && find . -xdev \( -path ./dev -o -path ./proc -o -path ./sys -o -path ./tmp \) -prune -o \
  -printf '%p %u %g %m %y\n' | sort
END
# compare NAME: the owners, modes and types of all files.
compare() {
  in_real sh -c "$(cat "$base/list")" >"$base/real.list" 2>&1
  in_fake sh -c "$(cat "$base/list")" >"$base/fake.list" 2>&1
  diff "$base/real.list" "$base/fake.list" >"$base/output" && [ "$(wc -l <"$base/real.list")" -gt 5000 ]
  report $? "$1 ($(wc -l <"$base/real.list") files)"
}
compare 'owners, modes and types are those of real root'

install="apt-get update -qq && apt-get install -y --no-install-recommends $(echo $packages)"
in_real sh -c "$install" >"$base/output" 2>&1
if [ $? != 0 ] && grep -q -E 'Could not resolve|Could not connect|Temporary failure|Failed to fetch' "$base/output"; then
  skip 'packages' 'no network'
  finish
  exit
fi
in_fake sh -ec "$install" >"$base/output" 2>&1
report $? "apt-get install $packages"
compare 'they still are when packages are installed'

in_check() {  # NAME SCRIPT
  in_fake sh -ec "$2" >"$base/output" 2>&1
  report $? "$1"
}
in_check 'dpkg-deb --build and tar keep owners' '
  mkdir -p /tmp/p/DEBIAN /tmp/p/x && echo text >/tmp/p/x/f && chown -R man:www-data /tmp/p/x
  chmod 4750 /tmp/p/x/f
  printf "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n" \
    >/tmp/p/DEBIAN/control
  dpkg-deb --build /tmp/p /tmp/p.deb && dpkg-deb -c /tmp/p.deb | grep -- "-rwsr-x--- man/www-data .* ./x/f"
  tar -C /tmp -cf - p | tar -tvf - | grep -- "-rwsr-x--- man/www-data .* p/x/f"
  dpkg -i /tmp/p.deb && stat -c "%U %G %a" /x/f | grep "^man www-data 4750$" && dpkg --purge p'
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
if [ -n "${NESTP_TEST_LONG-}" ]; then
  in_check 'initdb and a query as user postgres' '
    mkdir /tmp/data && chown postgres /tmp/data
    su postgres -c "cd /tmp; bin=\$(echo /usr/lib/postgresql/*/bin)
      \$bin/initdb -D /tmp/data -A peer >/dev/null
      \$bin/pg_ctl -D /tmp/data -o \"-c listen_addresses= -k /tmp\" -w start >/dev/null
      psql -h /tmp -Atc \"select 6*7\" postgres | grep 42
      \$bin/pg_ctl -D /tmp/data -m fast stop"'
  in_check 'pacman installs what makepkg made' '
    apt-get install -y --no-install-recommends pacman-package-manager makepkg libarchive-tools fakeroot file
    useradd -m builder
    su builder -c "mkdir ~/p && cd ~/p && cat >PKGBUILD && makepkg -f" <<"END"
pkgname=small
pkgver=1
pkgrel=1
arch=(any)
package() {
  install -Dm4755 /bin/true "$pkgdir/usr/bin/small"
  install -d -o 33 -g 33 "$pkgdir/var/small"
}
END
    mkdir -p /srv/repo /var/lib/pacman && cp /home/builder/p/*.pkg.tar* /srv/repo
    repo-add -q /srv/repo/own.db.tar.gz /srv/repo/*.pkg.tar*
    printf "[options]\nArchitecture=auto\nSigLevel=Never\n[own]\nServer=file:///srv/repo\n" >/etc/pacman.conf
    pacman -Sy --noconfirm small
    stat -c "%U %a" /usr/bin/small /var/small | tr "\n" " " | grep "root 4755 www-data 755"
    pacman -R --noconfirm small && ! test -e /usr/bin/small'
  in_check 'debootstrap inside, and a chroot into it' '
    apt-get install -y --no-install-recommends debootstrap
    debootstrap --variant=minbase bookworm /srv/inner >/tmp/debootstrap.log 2>&1 || { tail /tmp/debootstrap.log; exit 1; }
    chroot /srv/inner stat -c "%U:%G %a" /etc/shadow | grep "root:shadow 640"
    test -c /srv/inner/dev/null && rm -rf /srv/inner'
  install="apt-get purge -y openssh-server man-db && apt-get install -y --no-install-recommends openssh-server man-db"
  in_real sh -c "$install" >"$base/output" 2>&1
  in_fake sh -ec "$install" >"$base/output" 2>&1
  report $? 'purged and installed again'
fi

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
