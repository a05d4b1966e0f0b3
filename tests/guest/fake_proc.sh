#!/bin/sh
# Files of /proc that the host lets nobody read: --fake-proc.
#
#   fake_proc.sh NESTP        prints TAP; needs busybox-static, and root to forbid them
set -u
. "$(dirname "$0")/../support/busybox_guest.sh"

says 'files that can be read are the real ones' "$(cat /proc/version)" \
  nestp --fake-proc cat /proc/version
: >"$base/forbidden"
chmod 0 "$base/forbidden"
if [ "$(id -u)" != 0 ] || ! unshare -m --propagation private \
  mount --bind "$base/forbidden" /proc/stat 2>/dev/null; then
  number=$((number + 1))
  echo "ok $number - forbidden files # SKIP needs root"
  finish
  exit
fi

# FILE..., --, WORD...: the words of nestp where these files are forbidden.
without() {
  files=
  while [ "$1" != -- ]; do
    files="$files $1"
    shift
  done
  shift
  files=$files base=$base root=$root unshare -m --propagation private sh -c '
    for file in $files; do mount --bind "$base/forbidden" "/proc/$file" || exit 1; done
    cd "$base" && exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH=/bin \
      timeout -k 5 60 ./nestp -r "$root" -b /dev -b /proc -w /work "$@"' sh "$@"
}
five='stat loadavg uptime vmstat version'

says 'without it they are forbidden' "cat: can't open '/proc/stat': Permission denied" \
  without $five -- cat /proc/stat
says 'all can be read' 'stat loadavg uptime vmstat version' \
  without $five -- --fake-proc sh -c 'cd /proc; for file in stat loadavg uptime vmstat version; do
    [ -n "$(cat $file)" ] && echo $file; done | xargs echo'
says 'programs understand them' '1
1' \
  without $five -- --fake-proc sh -c 'uptime | grep -c " up .*load average: "
    grep -c "^btime [1-9]" /proc/stat'
says 'an old kernel has its own version' 'Linux version 3.10.5' \
  without version -- --fake-proc -k 3.10.5 sh -c 'cut -d " " -f 1-3 /proc/version'
says 'what is not forbidden stays real' "$(cat /proc/version)" \
  without stat -- --fake-proc cat /proc/version
says 'files of processes stay real' 1 \
  without $five -- --fake-proc sh -c 'grep -c "^[0-9]* (" /proc/self/stat'
finish
