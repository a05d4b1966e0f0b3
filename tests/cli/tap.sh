# Sourced by each script here: prints TAP, and gives it nestp and a small root file system.
#
# $nestp   the program under test, where any user can reach it
# $rootfs  a root file system with a static busybox
# $place   a directory to write in, removed at the end
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
. "$here/../../.ci/setup.sh"

place=$(mktemp -d "${TMPDIR:-/tmp}/nestp-cli.XXXXXX") || exit 1
trap 'chmod -R u+rwx "$place"; rm -rf -- "$place"' EXIT
trap 'exit 1' HUP INT TERM
chmod 777 "$place"
cp "$1" "$place/nestp"
nestp=$place/nestp
rootfs=$place/rootfs
make_small_rootfs "$rootfs"
unset PROOT_NO_SECCOMP PROOT_TMP_DIR PROOT_VERBOSE PROOT_IGNORE_MISSING_BINDINGS NESTP_LOG
cd "$place" || exit 1
# A guest may open what its descriptors lead to.
touch out err && chmod 666 out err

points=0
# point NAME: the status of the command before it decides.
point() {
  if [ $? = 0 ]; then said=ok; else said='not ok'; fi
  points=$((points + 1))
  echo "$said $points - $1"
}

done_testing() { echo "1..$points"; }

# run WORD...: nestp as an ordinary user; sets $status, $out and $err.
run() {
  status=0
  as_user timeout -k 5 60 "$nestp" "$@" >"$place/out" 2>"$place/err" </dev/null || status=$?
  out=$(cat "$place/out")
  err=$(cat "$place/err")
}

# inside WORD...: the same, in the small root file system.
inside() { run -r "$rootfs" -w / "$@"; }

# is TEXT WANTED: equal, or says what it is.
is() {
  [ "$1" = "$2" ] && return
  printf '# got:    %s\n# wanted: %s\n' "$1" "$2"
  return 1
}

# fails CODE PATTERN NAME: the last run failed in that way, by one line on the standard error.
fails() {
  { is "$status" "$1" && is "$(wc -l <"$place/err")" 1 && is "$out" '' &&
    printf '%s\n' "$err" | grep -qE "^nestp: $2" || { echo "# said: $err" && false; }; }
  point "$3"
}
