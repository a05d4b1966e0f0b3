#!/bin/sh
# A Debian from nothing, made inside the guest by an ordinary user with nestp -S, then upgraded to
# the next release; against the same of real root in a chroot: every owner and mode.
#
#   upgrade.sh NESTP        prints TAP
set -u
here=$(cd "$(dirname "$0")" && pwd)
architecture=amd64
. "$here/../rootfs/lib.sh"
. "$here/../rootfs/pair.sh"
nestp=$(absolute "$1")
fake_options=-S limit=1800
begin_pair
unpack_pair

make='apt-get update -qq && apt-get install -y --no-install-recommends debootstrap
  debootstrap --variant=minbase --include=dbus,sudo,cron,man-db,openssh-server bullseye /srv/inner >/root/log 2>&1 ||
    { tail /root/log; exit 1; }'
both 'debootstrap of Debian 11 from nothing' "$make"
# From now on it is the root file system.
mv "$real/srv/inner" "$base/real.inner"
as_user mv "$copy/srv/inner" "$base/inner"
as_user cp "$copy.nestp-owners" "$base/inner.nestp-owners"  # by inode, which stays the same
real=$base/real.inner copy=$base/inner
cp /etc/resolv.conf "$real/etc/resolv.conf"
in_check 'a root file system it is' 'test "$(stat -c "%U:%G %a" /etc/shadow)" = "root:shadow 640"
  test "$(cat /etc/debian_version | cut -c 1-2)" = 11 && su -s /bin/sh man -c "id -un" | grep man'

# Its C library refuses kernels before 3.2.
fake -S "$copy" -k 2.6.32 /bin/true 2>&1 | grep -q 'FATAL: kernel too old' && fake -S "$copy" -k 3.10 /bin/true
report $? 'the C library believes -k'

# What differs for a reason: -S binds these of the host.
differences='
\,^\./etc/\(host\.conf\|hosts\|nsswitch\.conf\|resolv\.conf\) ,d
\,^\./run/shm[ /],d
'
compare 'every owner, mode and type is that of real root'
both 'dist-upgrade to Debian 12' '
  sed -i s/bullseye/bookworm/ /etc/apt/sources.list && apt-get update -qq
  apt-get dist-upgrade -y -o Dpkg::Options::=--force-confnew && apt-get autoremove -y --purge
  test "$(cut -c 1-2 /etc/debian_version)" = 12 && test -z "$(dpkg --audit)"'
compare 'they still are when upgraded'
finish
