#!/bin/sh
# Places that give nestp little: limits, full disks, closed descriptors, containers' profiles.
#
#   hard_places.sh NESTP OLD_KERNEL
old_kernel=$(realpath -- "$2")
. "$(dirname -- "$0")/tap.sh"
cp "$old_kernel" "$place/old_kernel"

# under LIMIT WORD...: `run` in a shell that has set a limit, or done something else, before.
under() {
  first=$1
  shift
  captured as_user timeout -k 5 60 sh -c "$first; exec \"\$@\"" sh "$nestp" -r "$rootfs" -w / "$@"
}

# works NAME: the last run printed what `cat /etc/passwd` does, and nothing else.
works() {
  is "$status" 0 && is "$out" "$(cat "$rootfs/etc/passwd")" && is "$err" ''
  point "$1"
}

for limit in '-n 16' '-f 100' '-s 256' '-v 300000'; do
  under "ulimit $limit" cat /etc/passwd
  works "ulimit $limit"
done
under 'ulimit -n 4' true
fails 125 'no room for the loader: too many open files; raise that limit \(ulimit -n\)' 'ulimit -n 4'
# What is said goes through a pipe: a file could not hold it.
err=$(as_user sh -c 'ulimit -f 0; "$@"; echo "status $?" >&2' sh "$nestp" --backend=ptrace \
  -r "$rootfs" true 2>&1 | cat)
printf '%s\n' "$err" | grep -q '^nestp: no room for the loader: it has .* (ulimit -f)$' &&
  printf '%s\n' "$err" | grep -qx 'status 125'
point 'ulimit -f 0'
under 'ulimit -f 100' --backend=ptrace -b /proc --dev sh -c 'mount >/dev/null && ulimit -f && kill -XFSZ $$'
is "$status" 153 && is "$out" 100
point '... is the guest'"'"'s own limit, whose signal still ends it'

under 'exec <&- >&- 2>&-' -b "$place" sh -c "cat /etc/passwd >$place/told; exit 4"
is "$status" 4 && is "$(cat "$place/told")" "$(cat "$rootfs/etc/passwd")"
point 'closed standard streams'
under 'HOME=/none XDG_CACHE_HOME=/none TMPDIR=/none; export HOME XDG_CACHE_HOME TMPDIR' cat /etc/passwd
works 'neither a home nor a directory for temporary files'
under 'PROOT_TMP_DIR=/none; export PROOT_TMP_DIR' -b /etc:/new/place true
if [ "$status" != 0 ]; then
  fails 125 "no directory for nestp's own files: /none: .*; set PROOT_TMP_DIR to one that can" \
    'PROOT_TMP_DIR that is not there'
fi

for backend in ptrace auto; do
  as_user timeout 60 "$place/old_kernel" --profile "$nestp" --backend=$backend -r "$rootfs" -w / \
    --dev sh -c 'cat /etc/passwd; find /etc -name passwd >/dev/null' \
    >"$place/out" 2>"$place/err"
  status=$?
  out=$(cat "$place/out") err=$(cat "$place/err")
  works "a container's profile that answers EPERM, --backend=$backend"
done

# processes PATTERN: the ids of those whose command matches.
processes() {
  for file in /proc/[0-9]*/cmdline; do
    words=$({ tr '\0' ' ' <"$file"; } 2>/dev/null)
    # shellcheck disable=SC2254  # a pattern it shall be
    case $words in
      $1) expr "$file" : '/proc/\([0-9]*\)/' ;;
    esac
  done
}

# Whoever loses nestp loses its guests.
as_user "$nestp" --backend=ptrace -r "$rootfs" --dev \
  sh -c 'sleep 4444 & (sleep 4445 & sleep 4446) & wait' 2>/dev/null &
sleep 1
left() { processes 'sleep 444[4-6] '; }
none_left() { # within five seconds
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -n "$(left)" ] || break
    sleep 0.5
  done
  is "$(left)" ''
}
[ -n "$(left)" ]
point 'guests run'
kill -9 $(processes "$nestp --backend=ptrace *")
none_left
point '... none after kill -9 of nestp'
as_user sh -c '"$@" & sleep 1' sh "$nestp" --backend=ptrace --die-with-parent -r "$rootfs" --dev \
  sh -c 'sleep 4444 & sleep 4445'
none_left
point '--die-with-parent'
done_testing
