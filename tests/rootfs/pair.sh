# Shared by tests that compare fake root with real root: the same Debian twice, one for real root
# in a chroot and one for an ordinary user under nestp.  TAP by lib.sh.
#
# Needs: $here (of this file's folder), $nestp, $architecture.  Sets: $base (the user's own),
# $real, $copy.  $fake_options: how the fake root file system is given; -r with /dev, /proc and
# /sys bound if it is not set.

begin_pair() {
  [ "$(id -u)" = 0 ] || skip_all 'needs root, for comparison'
  base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-rootfs.XXXXXX") || exit 1
  # A killed chroot must not have its mounts removed with it.
  trap 'chmod -R u+rwX "$base" 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
  trap 'exit 1' HUP INT TERM
  chmod 755 "$base"
  cp "$nestp" "$base/nestp"
  real=$base/real copy=$base/fake
  mkdir "$real" "$copy" "$base/home"
  chown $user:$user "$base" "$copy" "$base/home"
}

# fake WORD...: as the ordinary user, believing to be root.
fake() {
  (cd / && as_user env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$base/home" LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive timeout -k 5 "${limit:-900}" "$base/nestp" --on-exit=kill \
    "$@" </dev/null)
}
in_fake() {
  if [ -n "${fake_options-}" ]; then
    # shellcheck disable=SC2086  # words
    fake $fake_options "$copy" -w / /usr/bin/env HOME=/root "$@"
  else
    fake -0 -r "$copy" -b /dev -b /proc -b /sys -b /etc/resolv.conf -w / /usr/bin/env HOME=/root "$@"
  fi
}
in_real() {
  unshare -m --propagation private sh -c '
    root=$1 limit=$2
    shift 2
    for kernel in dev proc sys; do mount --rbind /$kernel "$root/$kernel"; done
    exec timeout -k 5 "$limit" chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"' sh "$real" "${limit:-900}" "$@" </dev/null
}

# The cached image, unpacked by both.
unpack_pair() {
  image=$("$here/../rootfs/make_rootfs.sh" "$architecture" 2>/dev/null)
  case $? in
    0) ;;
    77) skip_all 'no root file system here' ;;
    *) echo 'Bail out! no root file system'; exit 1 ;;
  esac
  tar -C "$real" --exclude './dev/*' -xpf - <"$image"
  cp /etc/resolv.conf "$real/etc/resolv.conf"
  cp "$image" "$base/image" && chmod 644 "$base/image"
  fake -0 -w "$copy" tar --exclude './dev/*' -xpf "$base/image" >"$base/output" 2>&1
  report $? 'tar unpacks as fake root'
  rm "$base/image"
  fake -0 -w "$copy" sh -c 'cp /etc/resolv.conf etc/; chmod 755 .' >"$base/output" 2>&1
  chmod 755 "$real"
}

# compare NAME: the owners, modes and types of all files.  $differences: a sed script that takes
# out what differs for a reason, each rule with its own.
compare() {
  list='cd / && find . -xdev \( -path ./dev -o -path ./proc -o -path ./sys -o -path ./tmp \) -prune -o \
    -printf "%p %y %u %g %m\n" | sort'
  in_real sh -c "$list" 2>&1 | sed "${differences-}" >"$base/real.list"
  in_fake sh -c "$list" 2>&1 | sed "${differences-}" >"$base/fake.list"
  diff "$base/real.list" "$base/fake.list" >"$base/output" && [ "$(wc -l <"$base/real.list")" -gt 5000 ]
  report $? "$1 ($(wc -l <"$base/real.list") files)"
}

# both NAME SCRIPT: by both; seconds of each are told.  Fails as a whole where there is no network.
both() {
  sync  # what was written before is not to be waited for by dpkg's fsync(2)
  start=$(date +%s)
  in_real sh -ec "$2" >"$base/output" 2>&1
  real_result=$? real_seconds=$(($(date +%s) - start))
  if [ $real_result != 0 ] &&
    grep -q -E 'Could not resolve|Could not connect|Temporary failure|Failed to fetch' "$base/output"; then
    skip "$1" 'no network'
    finish
    exit
  fi
  [ $real_result = 0 ] || sed 's/^/# real root: /' "$base/output" | tail -n 5
  sync
  start=$(date +%s)
  in_fake sh -ec "$2" >"$base/output" 2>&1
  report $? "$1 ($(($(date +%s) - start)) s; real root: $real_seconds s)"
}

in_check() {  # NAME SCRIPT
  in_fake sh -ec "$2" >"$base/output" 2>&1
  report $? "$1"
}
