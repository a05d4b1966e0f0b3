#!/bin/sh
# A Debian of another processor from nothing, by an ordinary user: the second stage of debootstrap
# under nestp -0 and QEMU, then apt-get, a compiler, python3, perl and git.
#
#   foreign.sh NESTP ARCH...        prints TAP; ARCH is arm64, armhf, riscv64, ...
#
# Needs root (for the first stage alone), qemu-user-static, the network, and five to twenty
# minutes for each ARCH; so it is no part of ./check.
set -u
here=$(cd "$(dirname "$0")" && pwd)
architecture=${2:?usage: foreign.sh NESTP ARCH...}
. "$here/lib.sh"
nestp=$(absolute "$1")
shift
cache=${NESTP_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/nestp-tests}
[ "$(id -u)" = 0 ] || skip_all 'the first stage of debootstrap needs root'
command -v debootstrap >/dev/null || PATH=$PATH:/usr/sbin
command -v debootstrap >/dev/null || skip_all 'no debootstrap'
mkdir -p "$cache/packages"
base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-foreign.XXXXXX") || exit 1
trap 'chmod -R u+rwX "$base" 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$base"
cp "$nestp" "$base/nestp"

# check NAME SCRIPT: as fake root; the shell script must end with 0 inside.
check() {
  (cd "$base" && as_user env HOME=/tmp timeout -k 5 2400 ./nestp -0 -r "$copy" -b /dev -b /proc \
    -b /sys -b /etc/resolv.conf -w / /usr/bin/env -i HOME=/root LC_ALL=C \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -ec "$2") \
    >"$base/output" 2>&1 </dev/null
  report $? "$1"
}

for architecture in "$@"; do
  # riscv64 came with the release after the one that the other tests use.
  case $architecture in riscv64) release=trixie ;; *) release=bookworm ;; esac
  copy=$base/$architecture
  debootstrap --foreign --variant=minbase --arch="$architecture" --cache-dir="$cache/packages" \
    "$release" "$copy" ${NESTP_TEST_MIRROR:+"$NESTP_TEST_MIRROR"} >"$base/output" 2>&1 ||
    { skip "$architecture" "debootstrap: $(tail -n 1 "$base/output")"; continue; }
  rm -rf "$copy"/dev/*
  chown -R -h $user:$user "$copy"
  check "$architecture: the second stage" '/debootstrap/debootstrap --second-stage'
  check "$architecture: apt-get installs a compiler and more" '
    apt-get update
    apt-get install -y --no-install-recommends gcc libc6-dev python3-minimal git ca-certificates'
  check "$architecture: a program is compiled and runs" '
    cd /tmp; printf "#include <stdio.h>\nint main(void) { puts(\"compiled\"); }\n" >t.c
    gcc -o t t.c; test "$(./t)" = compiled'
  check "$architecture: python3, perl and git" '
    python3 -c "import platform, os; assert os.uname().machine == platform.machine()"
    perl -e "print 1"; cd /tmp; git init -q one; cd one; echo x >f; git add f
    git -c user.email=a@b -c user.name=a commit -qm first; cd ..; git clone -q one two; cmp one/f two/f'
  chmod -R u+rwX "$copy"
  rm -rf "$copy"
done
finish
