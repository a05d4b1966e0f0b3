#!/bin/sh
# Runs inside the machine, as its first process: prints TAP on its console and powers off.
# /tests holds what the machine was made for: see ../aarch64.sh.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root
set -u
for kind in proc sysfs; do mount -t $kind $kind /${kind%fs}; done
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
chmod 1777 /tmp
ln -sf /proc/self/fd /dev/fd
mount --make-rprivate /
hostname nestp-aarch64
ip link set lo up 2>/dev/null || busybox ip link set lo up
for file in passwd group; do cp /tests/$file /etc/$file; done
number=0 failed=0
debian=/debian

leave() {
  echo "1..$number"
  echo "# end: $failed failed"
  sync
  busybox poweroff -f
}
trap leave EXIT

report() { # RESULT NAME
  number=$((number + 1))
  case $1 in
    0) echo "ok $number - $2" ;;
    77) echo "ok $number - $2 # SKIP $(tail -n 1 /tmp/output | cut -c 1-80)" ;;
    *)
      failed=$((failed + 1))
      echo "not ok $number - $2"
      tail -n "${lines:-8}" /tmp/output | cut -c 1-200 | sed 's/^/#   /'
      ;;
  esac
}

# check NAME WORD...
check() {
  name=$1
  shift
  "$@" >/tmp/output 2>&1 </dev/null
  report $? "$name"
}

as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
# in_debian OPTIONS SCRIPT: by the ordinary user
in_debian() {
  # shellcheck disable=SC2086  # words
  (cd / && as_user env HOME=/tmp timeout -k 5 "${limit:-300}" /tests/nestp $1 -r $debian -b /dev -b /proc \
    -b /sys -w / /usr/bin/env -i HOME=/root LC_ALL=C PATH=$PATH DEBIAN_FRONTEND=noninteractive sh -ec "$2")
}

guest_tests() {
  native_failed=
  while IFS='|' read -r name mode options program; do
    case " $native_failed " in *" $name "*) continue ;; esac
    cd /tests/guest || return
    # shellcheck disable=SC2086  # words
    NESTP_TEST_OPTIONS=$options NESTP_TEST_TIMEOUT=150 sh ../support/run_in_guest.sh "$mode" /tests/nestp \
      ./enter_chroot "./$program" $(cat helpers) >/tmp/output 2>&1 </dev/null
    result=$?
    case $mode in
      native* | chroot*)
        # What this machine cannot do by itself says nothing of nestp.
        [ $result = 0 ] || native_failed="$native_failed $name"
        [ $result = 0 ] || result=77
        ;;
    esac
    report $result "$name@$mode${options:+ $options}"
  done </tests/guest/list
}

[ ! -e /tests/before.sh ] || . /tests/before.sh
case ${parts:-all} in *guest* | all) guest_tests ;; esac
case ${parts:-all} in *launcher* | all) . /tests/launcher.sh ;; esac
case ${parts:-all} in *debian* | all) . /tests/debian.sh ;; esac
