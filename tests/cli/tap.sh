# Sourced by each script here: what support/tap.sh gives, nestp, and a small root file system.
#
# $nestp   the program under test, where any user can reach it
# $rootfs  a root file system with a static busybox
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
under_test=$(realpath -- "$1")
. "$here/../support/tap.sh"

cp "$under_test" "$place/nestp"
nestp=$place/nestp
rootfs=$place/rootfs
make_small_rootfs "$rootfs"
unset PROOT_NO_SECCOMP PROOT_TMP_DIR PROOT_VERBOSE PROOT_IGNORE_MISSING_BINDINGS NESTP_LOG
unset JUNEST_HOME JUNEST_ENV JUNEST_ARGS

# run WORD...: nestp as an ordinary user; sets $status, $out and $err.
run() { captured as_user timeout -k 5 60 "$nestp" "$@"; }

# inside WORD...: the same, in the small root file system.
inside() { run -r "$rootfs" -w / "$@"; }

# fails CODE PATTERN NAME: the last run failed in that way, by one line on the standard error.
fails() {
  { is "$status" "$1" && is "$(wc -l <"$place/err")" 1 && is "$out" '' &&
    printf '%s\n' "$err" | grep -qE "^nestp: $2"; } || { echo "# said: $err" && false; }
  point "$3"
}
