#!/bin/sh
# Makes a Debian root file system for the tests and benches, once, as a tar file in the cache.
#
#   make_rootfs.sh ARCH        prints the tar file's name; ARCH is amd64 or i386
#
# The cache is $NESTP_TEST_CACHE, or nestp-tests below the user's cache folder.  A tar file and not
# a tree, because each user of it unpacks a copy that the ordinary user of the test owns.
# Exit status 77: it is not there and cannot be made here (no root, no debootstrap, no network).
set -eu

architecture=${1:?usage: make_rootfs.sh ARCH}
cache=${NESTP_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/nestp-tests}
mirror=${NESTP_TEST_MIRROR-}  # empty: the one debootstrap takes by itself
release=bookworm

case $architecture in
  amd64) packages='gcc libc6-dev make git python3 perl gdb strace busybox-static file xz-utils' ;;
  i386) packages='python3-minimal perl busybox-static' ;;
  *) echo "make_rootfs.sh: no package list for '$architecture'" >&2; exit 2 ;;
esac

# The list of packages is part of the name, so that a changed list is a new root file system.
list=$(printf '%s %s\n' "$release" "$packages" | cksum | cut -d ' ' -f 1)
image=$cache/debian-$architecture-$list.tar

if [ -s "$image" ]; then
  echo "$image"
  exit 0
fi

unable() {
  echo "make_rootfs.sh: $1" >&2
  exit 77
}
[ "$(id -u)" = 0 ] || unable "making a root file system needs root once; then the cache serves"
command -v debootstrap >/dev/null 2>&1 || PATH=$PATH:/usr/sbin
command -v debootstrap >/dev/null 2>&1 || unable "debootstrap is not installed"

mkdir -p "$cache/packages"
exec 9>"$cache/lock-$architecture"
flock 9
if [ -s "$image" ]; then  # made by someone else while this one waited
  echo "$image"
  exit 0
fi

tree=$(mktemp -d "$cache/making-$architecture.XXXXXX")
trap 'rm -rf "$tree"' EXIT
trap 'exit 1' HUP INT TERM
if ! debootstrap --arch="$architecture" --variant=minbase --cache-dir="$cache/packages" \
    "$release" "$tree" ${mirror:+"$mirror"} >"$cache/making-$architecture.log" 2>&1; then
  unable "debootstrap failed: $(grep '^[WE]:' "$cache/making-$architecture.log" | tail -n 1)"
fi
# By apt, as debootstrap's own resolver knows no virtual packages (gdb needs one).
in_tree() {
  chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive \
    "$@" >>"$cache/making-$architecture.log" 2>&1
}
in_tree apt-get update || unable "apt-get update failed in the new root file system"
# shellcheck disable=SC2086  # a list of words
in_tree apt-get install -y --no-install-recommends $packages ||
  unable "apt-get install failed: $(grep '^E:' "$cache/making-$architecture.log" | tail -n 1)"

# Nothing the tests look at, and nearly half of the bytes.
rm -rf "$tree"/usr/share/doc/* "$tree"/usr/share/man/* "$tree"/usr/share/locale/* \
  "$tree"/usr/share/info/* "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
tar -C "$tree" --one-file-system -cf "$image.part" .
mv "$image.part" "$image"
echo "$image"
