#!/bin/sh
# nestp for aarch64 on a real aarch64 kernel, in a virtual machine: the guest tests under every
# backend, the launcher's commands, then a Debian.
#
#   aarch64.sh TOP        prints TAP; TOP is the source tree, which is cross-built
#
# Needs root (for the first stage of a Debian), the network, g++-aarch64-linux-gnu, qemu-system-arm,
# debootstrap, e2fsprogs and cpio.  PARTS="guest launcher debian" runs less; MODES="native ptrace" likewise;
# ONLY=REGEX takes the guest tests whose names match; KEEP=FOLDER keeps the console's output.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "${1:-$here/../..}" && pwd)
PATH=$PATH:/usr/sbin:/sbin
cache=${NESTP_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/nestp-tests}
place=$cache/aarch64

skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}
[ "$(id -u)" = 0 ] || skip_all 'the first stage of debootstrap needs root'
for tool in aarch64-linux-gnu-g++:g++-aarch64-linux-gnu qemu-system-aarch64:qemu-system-arm mke2fs:e2fsprogs \
  debootstrap:debootstrap busybox:busybox-static meson:meson; do
  command -v "${tool%:*}" >/dev/null || skip_all "no ${tool%:*}: install ${tool#*:}"
done
mkdir -p "$place" "$cache/packages"
base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-aarch64.XXXXXX") || exit 1
trap 'rm -rf --one-file-system "$base"' EXIT
trap 'exit 1' HUP INT TERM

# do_step NAME WORD...: what must succeed before the machine starts.
do_step() {
  step=$1
  shift
  "$@" >"$base/log" 2>&1 && return
  if grep -qE 'Could not resolve|Temporary failure|Failed getting release|Unable to connect' "$base/log"; then
    skip_all "no network: $(tail -n 1 "$base/log")"
  fi
  echo "Bail out! $step: $(tail -n 1 "$base/log")"
  exit 1
}

get_libraries() {
  # What the machine itself is made of: the tests' tools, and its kernel.
  "$top/.ci/sysroot.sh" arm64 "$place" catch2 apt bash bsdutils busybox-static coreutils dash debianutils \
    diffutils dpkg findutils grep gzip hostname iproute2 libc-bin linux-image-arm64 login mount passwd \
    perl-base procps sed tar uidmap util-linux
}
build() {
  export CCACHE_BASEDIR=$top
  [ -f "$place/build/build.ninja" ] || meson setup "$place/build" "$top" --cross-file "$place/sysroot.ini" \
    --cross-file "$top/.ci/aarch64.ini" -Dstatic=true -Dbenches=false -Dbuildtype=debugoptimized || return
  meson introspect --tests "$place/build" >"$base/tests.json" &&
    "$here/aarch64/list_guests.py" "$base/tests.json" "$base/guest" "${MODES-}" "${ONLY-}" &&
    ninja -C "$place/build" cli/nestp tests/guest/enter_chroot $(cat "$base/guest/programs")
}
make_first_stage() {
  [ -s "$place/debian.tar" ] && return
  debootstrap --foreign --variant=minbase --arch=arm64 --cache-dir="$cache/packages" bookworm "$base/debian" \
    ${NESTP_TEST_MIRROR:+"$NESTP_TEST_MIRROR"} || return
  rm -rf "$base"/debian/dev/*
  [ ! -L "$base/debian/proc" ] || { rm "$base/debian/proc" && mkdir "$base/debian/proc"; }
  mkdir "$base/debian/packages"
  (cd "$base/debian/packages" && APT_CONFIG=$place/apt.conf apt-get -q download hello) || return
  tar -C "$base/debian" -cf "$place/debian.tar.part" . && mv "$place/debian.tar.part" "$place/debian.tar"
  rm -rf "$base/debian"
}
strip_to() { aarch64-linux-gnu-strip -o "$2" "$1"; }
make_disk() {
  tree=$base/tree
  cp -al "$place/root" "$tree" 2>/dev/null || cp -a "$place/root" "$tree" || return
  # Neither kernel nor what only a compiler reads.
  rm -rf "$tree/boot" "$tree/usr/include" "$tree/usr/share/doc" "$tree/usr/share/locale" "$tree/lib/modules"
  find "$tree" -name '*.a' -delete
  mkdir -p "$tree/tests/guest" "$tree/tests/support" "$tree/debian" "$tree/proc" "$tree/sys"
  strip_to "$place/build/cli/nestp" "$tree/tests/nestp" || return
  cp "$here"/aarch64/*.sh "$tree/tests/"
  cp "$top/tests/support/run_in_guest.sh" "$tree/tests/support/"
  while read -r program; do
    cp "$place/build/$program" "$tree/tests/guest/" || return
  done <"$base/guest/programs"
  cp "$place/build/tests/guest/enter_chroot" "$base/guest/list" "$base/guest/helpers" "$tree/tests/guest/"
  printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:65534:65534::/tmp:/bin/sh\n' >"$tree/tests/passwd"
  printf 'root:x:0:\nuser:x:65534:\n' >"$tree/tests/group"
  [ -z "${PARTS-}" ] || echo "parts='$PARTS'" >"$tree/tests/before.sh"
  chmod -R a+rX "$tree/tests"
  tar -C "$tree/debian" -xf "$place/debian.tar" && chown -R -h 65534:65534 "$tree/debian" || return
  mke2fs -q -t ext4 -m 0 -d "$tree" "$base/disk" 3g
}
make_initial() {
  initial=$base/initial
  mkdir -p "$initial/bin" "$initial/dev" "$initial/disk" "$initial/modules"
  modules=$(echo "$place"/root/lib/modules/*/kernel)
  for module in virtio_mmio virtio_blk crc16 crc32c_generic mbcache jbd2 ext4; do
    find "$modules" -name "$module.ko" -exec cp {} "$initial/modules/" \; || return
    echo $module.ko
  done >"$initial/modules/order"
  cp "$place/root/bin/busybox" "$initial/bin/busybox"
  for applet in cat insmod mount poweroff sh sleep switch_root; do ln -s busybox "$initial/bin/$applet"; done
  cp "$here/aarch64/early.sh" "$initial/init"
  chmod 755 "$initial/init"
  (cd "$initial" && find . | busybox cpio -o -H newc) >"$base/initial.cpio"
}

do_step 'libraries' get_libraries
do_step 'the cross build' build
do_step 'the first stage of a Debian' make_first_stage
do_step 'the disk' make_disk
do_step 'the initial memory' make_initial
output=${KEEP:+$KEEP/console}
timeout -k 5 "${LIMIT:-7000}" qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on -m 1500 -smp 2 -nographic -no-reboot -net none \
  -kernel "$(echo "$place"/root/boot/vmlinuz-*)" -initrd "$base/initial.cpio" \
  -drive "file=$base/disk,format=raw,if=none,id=disk,cache=unsafe" -device virtio-blk-device,drive=disk \
  -append 'console=ttyAMA0 quiet panic=-1 mitigations=off' </dev/null 2>&1 | sed -u 's|\r||g' |
  tee "${output:-/dev/null}" | tee "$base/console" | grep --line-buffered -E '^(ok|not ok|#|1\.\.)'
if ! grep -q '^1\.\.' "$base/console"; then
  echo 'Bail out! the machine stopped before its end'
  tail -n 5 "$base/console" | sed 's/^/# /'
  exit 1
fi
grep -q '^# end: 0 failed' "$base/console"
