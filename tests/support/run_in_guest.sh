#!/bin/sh
# Runs one guest program in a fresh temporary root file system.
#
#   run_in_guest.sh MODE NESTP ENTER PROGRAM [HELPER...]
#
# MODE   native          the program as it is, as an ordinary user
#        ptrace          under nestp, as an ordinary user
#        ptrace_as_root  under nestp, as root
#        ptrace_plain    under nestp, as an ordinary user, without the bindings below /bind and
#                        /missing: most calls are then answered without a stop
#        namespace       under nestp's namespace backend, as an ordinary user
#        namespace_as_root  the same as root
#        chroot          in a real chroot with real bind mounts, as an ordinary user: the oracle
#        chroot_as_root  the same as root
#        native_as_root  the program as it is, as root
# NESTP  the program under test; - where MODE needs none
# ENTER  the built enter_chroot.cc
# HELPER programs that the guest finds in $PROGRAMS
#
# The view in every mode but native:
#   /work                  empty, the working directory
#   /bind/dir /bind/again  one host directory at two names, with a file, a link and a subdirectory
#   /bind/dir/nested       another one, inside the first
#   /bind/file /bind/ro /bind/tmpfs /bind/null /bind/socket
#   /missing/dir /missing/file /missing/deep/er/dir   mount points that the root file system lacks
#   /dev /proc /sys        the host's
# Environment: NESTP_TEST_WRAPPER (words put before NESTP, under which newer calls are ENOSYS),
# NESTP_TEST_OPTIONS (more options of nestp), NESTP_TEST_TIMEOUT (seconds).
#
# Exit status: the program's; 77 if MODE is not possible here.  A program that skips itself under
# nestp but not natively has failed.
set -u

mode=$1 nestp=$2 enter=$3 program=$4
shift 4
absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
nestp=$(absolute "$nestp") enter=$(absolute "$enter")
user=65534
limit="timeout -k 5 ${NESTP_TEST_TIMEOUT:-100}"

skip() {
  echo "skipped: $1" >&2
  exit 77
}

if [ "$(id -u)" = 0 ]; then
  as_user="setpriv --reuid=$user --regid=$user --clear-groups"
else
  as_user=
  case $mode in
    *_as_root | chroot) skip "needs root" ;;
  esac
fi

base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-guest.XXXXXX") || exit 1
trap 'chmod -R u+rwx "$base" 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$base"
root=$base/root
host=$base/host

mkdir -p "$root/bin" "$root/etc" "$root/dev" "$root/proc" "$root/sys" "$root/programs" \
  "$root/lib64" "$root/lib/$(uname -m)-linux-gnu" "$root/tmp" "$root/work" "$root/bind/dir" \
  "$root/bind/again" "$root/bind/ro" "$root/bind/tmpfs" \
  "$host/dir/nested" "$host/dir/sub" "$host/nested" "$host/ro/sub" "$host/missing/sub"
: >"$root/bind/file"
: >"$root/bind/null"
: >"$root/bind/socket"
echo 'user:x:65534:65534::/work:/bin/sh' >"$root/etc/passwd"
echo 'of the directory' >"$host/dir/file"
ln -s file "$host/dir/link"
ln -s /work "$host/dir/absolute"
echo 'of the nested directory' >"$host/nested/file"
echo 'a file alone' >"$host/file"
echo 'read only' >"$host/ro/file"
ln -s file "$host/ro/link"
echo 'at a missing mount point' >"$host/missing/file"
cp "$program" "$root/bin/test" || exit 1
[ $# = 0 ] || cp "$@" "$root/programs/"
for library in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1 \
  "/lib/$(uname -m)-linux-gnu/libc.so.6"; do
  [ ! -e "$library" ] || cp -L "$library" "$root$library"
done
chmod 1777 "$root/tmp"
# A socket file that nobody listens on: connect(2) says ECONNREFUSED, not ENOENT.
perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) && bind(S, pack_sockaddr_un($ARGV[0])) or die' \
  "$base/socket" || exit 1
case $mode in
  *_as_root) ;;
  *) [ -z "$as_user" ] || chown -R -h $user:$user "$base" ;;
esac

# $1: the directory that is / for the program
run_native() {
  cd "$1/work" && env -i PATH=/bin:/usr/bin HOME=/work PROGRAMS="$1/programs" \
    $limit ${2-} "$1/bin/test"
}

run_nestp() {
  as=$1
  cp "$nestp" "$base/nestp" || return 1
  wrapper=${NESTP_TEST_WRAPPER-}
  if [ -x "$wrapper" ]; then  # where it stands, the user may not get to it
    cp "$wrapper" "$base/wrapper" && wrapper=$base/wrapper
  fi
  view=1
  if [ $mode = ptrace_plain ]; then
    view=
    set --
  else
    set -- -b "$host/dir:/bind/dir" -b "$host/nested:/bind/dir/nested" \
      -b "$host/dir:/bind/again" -b "$host/file:/bind/file" --ro-bind "$host/ro:/bind/ro" \
      --tmpfs /bind/tmpfs -b /dev/null:/bind/null -b "$base/socket:/bind/socket" \
      -b "$host/missing:/missing/dir" -b "$host/file:/missing/file" \
      -b "$host/missing:/missing/deep/er/dir"
  fi
  backend=${mode%_as_root}
  before=$(cd "$root" && find . -path ./work -prune -o -path ./tmp -prune -o -print | sort)
  (cd / && env -i PATH=/bin:/usr/bin HOME=/work PROGRAMS=/programs ${view:+VIEW=1} \
    ${NESTP_LOG:+NESTP_LOG="$NESTP_LOG"} ${wrapper:+OLD_KERNEL=1} \
    $limit $as $wrapper "$base/nestp" ${NESTP_TEST_OPTIONS-} --backend="${backend%_plain}" \
    -r "$root" -b /dev -b /proc -b /sys "$@" -w /work /bin/test)
  result=$?
  after=$(cd "$root" && find . -path ./work -prune -o -path ./tmp -prune -o -print | sort)
  if [ "$before" != "$after" ]; then
    echo "nestp wrote into the root file system:" >&2
    printf '%s\n' "$before" >"$base/before"
    printf '%s\n' "$after" | diff "$base/before" - >&2
    return 1
  fi
  if [ $result = 77 ] && [ -z "${NESTP_TEST_WRAPPER-}" ]; then
    (run_native "$root" "$as") >/dev/null 2>&1
    if [ $? = 0 ]; then
      echo "skipped under nestp, but it passes natively" >&2
      return 1
    fi
  fi
  return $result
}

case $mode in
  native) run_native "$root" "$as_user" ;;
  native_as_root) run_native "$root" ;;
  ptrace | ptrace_plain | namespace) run_nestp "$as_user" ;;
  ptrace_as_root | namespace_as_root) run_nestp "" ;;
  chroot | chroot_as_root)
    [ $mode = chroot ] || user=0
    mkdir -p "$root/missing/dir" "$root/missing/deep/er/dir"
    : >"$root/missing/file"
    export root host base limit user enter
    unshare -m --propagation private sh -c '
      set -e
      mount --bind "$root" "$root"
      place() { mount --bind "$1" "$root$2"; }
      for kernel in /dev /proc /sys; do mount --rbind $kernel "$root$kernel"; done
      place "$host/dir" /bind/dir
      place "$host/nested" /bind/dir/nested
      place "$host/dir" /bind/again
      place "$host/file" /bind/file
      place "$host/ro" /bind/ro
      mount -o remount,bind,ro "$root/bind/ro"
      mount -t tmpfs -o mode=1777 tmpfs "$root/bind/tmpfs"
      place /dev/null /bind/null
      place "$base/socket" /bind/socket
      place "$host/missing" /missing/dir
      place "$host/file" /missing/file
      place "$host/missing" /missing/deep/er/dir
      cd /
      exec env -i PATH=/bin:/usr/bin HOME=/work PROGRAMS=/programs VIEW=1 \
        $limit "$enter" "$root" $user /work /bin/test'
    ;;
  *) echo "run_in_guest.sh: no mode '$mode'" >&2; exit 2 ;;
esac
