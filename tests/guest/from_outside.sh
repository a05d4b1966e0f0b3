#!/bin/sh
# What happens to a guest from outside: changes by host processes, other sessions, the end of nestp.
#
#   from_outside.sh NESTP        prints TAP; needs busybox-static
set -u
. "$(dirname "$0")/../support/busybox_guest.sh"
mkdir "$base/host" "$root/bound"
own

nestp() {
  (cd "$base" && as_user env -i PATH=/bin timeout -k 5 60 ./nestp -r "$root" -b /dev -b /proc \
    -b "$base/host:/bound" "$@" </dev/null)
}

wait_until() {  # SECONDS COMMAND...
  tries=$(($1 * 20))
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.05
  done
}

# A guest that reads /bound/link/file whenever it is told to, so that nestp knows the way.
as_user mkdir "$base/host/one" "$base/host/two"
echo one | as_user tee "$base/host/one/file" >/dev/null
echo two | as_user tee "$base/host/two/file" >/dev/null
as_user ln -s one "$base/host/link"
nestp /bin/sh -c '
  cat /bound/link/file
  touch /bound/ready
  while ! test -e /bound/changed; do cat /bound/link/file >/dev/null; done
  sleep 0.5
  cat /bound/link/file' >"$base/output" &
guest=$!
wait_until 10 test -e "$base/host/ready" && as_user ln -sfn two "$base/host/link" &&
  as_user touch "$base/host/changed"
wait $guest && [ "$(tr '\n' ' ' <"$base/output")" = "one two " ]
report "a symlink that a host process changes is noticed"

rm -f "$base/host/ready" "$base/host/changed" "$base/host/link"
nestp /bin/sh -c '
  cat /bound/one/file
  touch /bound/ready
  while ! test -e /bound/changed; do cat /bound/one/file >/dev/null 2>&1; done
  sleep 0.5
  cat /bound/one/file' >"$base/output" &
guest=$!
wait_until 10 test -e "$base/host/ready" && as_user mv "$base/host/one" "$base/host/old" &&
  as_user ln -s two "$base/host/one" && as_user touch "$base/host/changed"
wait $guest && [ "$(tr '\n' ' ' <"$base/output")" = "one two " ]
report "a directory that a host process replaces by a link is noticed"

rm -f "$base/host/ready" "$base/host/one"
nestp /bin/sh -c 'sleep 58001 & sleep 58002 & touch /bound/ready; wait' &
guest=$!
wait_until 10 test -e "$base/host/ready"
tracer=$(pgrep -f "^./nestp -r $root" | head -n 1)
guests=$(pgrep -f '^sleep 5800[12]$' | tr '\n' ' ')
[ -n "$tracer" ] && [ "$(echo "$guests" | wc -w)" = 2 ] && kill -9 "$tracer" &&
  wait_until 5 sh -c "! kill -0 $guests 2>/dev/null"
report "kill -9 of nestp leaves no guest"
wait $guest 2>/dev/null

rm -f "$base/host/ready"
nestp /bin/sh -c 'trap "touch /bound/told; exit 5" TERM; touch /bound/ready; while :; do sleep 0.1; done' &
guest=$!
wait_until 10 test -e "$base/host/ready"
pgrep -f "^./nestp -r $root" | xargs -r kill -TERM
wait $guest
[ $? = 5 ] && [ -e "$base/host/told" ]
report "SIGTERM to nestp reaches the first program, whose status counts"

rm -f "$base/host/ready"
nestp /bin/sh -c 'while ! test -e /bound/made; do :; done; cat /bound/made/file' >"$base/output" &
guest=$!
nestp /bin/sh -c 'mkdir /bound/new && echo new >/bound/new/file && ln -s new /bound/made'
wait $guest && [ "$(cat "$base/output")" = new ]
report "two sessions on one root file system see each other's files"

many=
for count in 1 2 3 4 5 6 7 8 9 10; do
  for digit in 0 1 2 3 4 5 6 7 8 9; do many="$many -b $base/host:/many/$count/$digit"; done
done
# shellcheck disable=SC2086  # a list of words
nestp $many /bin/sh -c 'test "$(ls /many/7 | grep -c .)" = 10 && cat /many/10/9/two/file' >"$base/output"
[ "$(cat "$base/output")" = two ] && [ ! -e "$root/many" ]
report "a hundred mount points that are missing, and nothing written"

chmod 555 "$root"
nestp -b "$base/host:/absent/place" /bin/sh -c 'cat /absent/place/two/file && ls / | grep -q absent' \
  >"$base/output"
[ "$(cat "$base/output")" = two ]
report "a root file system that may not be written"
chmod 755 "$root"

nestp -b "$base:/session" -b /lib -b /lib64 -b /usr /session/nestp -r / -b /dev -b /proc /bin/echo inner >"$base/output" 2>&1
result=$?
[ "$(cat "$base/output")" = inner ] || { [ $result = 125 ] && [ "$(wc -l <"$base/output")" = 1 ]; }
report "nestp inside nestp works, or says in one line why not"
[ $result = 0 ] || sed 's/^/#   /' "$base/output"

echo "1..$number"
[ $failed = 0 ]
