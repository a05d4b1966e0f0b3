#!/bin/sh
# Ports that are others on the host: -p IN:OUT, --netcoop.
#
#   ports.sh NESTP PORTS        prints TAP; needs busybox-static
set -u
. "$(dirname "$0")/../support/busybox_guest.sh"
cp "$2" "$root/bin/ports"
own
ports=$root/bin/ports

found=$("$ports" find) || { echo '1..0 # SKIP no ports'; exit 0; }
taken=${found% *} free=${found#* }
says 'natively' all "$ports" check "$free"

# has_said WORD: waits until $base/WORD says it; whoever says it again removes the file first,
# since a background command opens its output at a time of its own.
has_said() {
  tries=0
  until grep -qs "$1" "$base/$1" || [ $tries = 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
}

"$ports" hold "$taken" >"$base/held" &
holder=$!
has_said held

says 'a port that somebody has is taken' '127.0.0.1 bind: Address already in use' \
  nestp ports check "$taken"
says 'it becomes another one' all nestp -p "$taken:$free" ports check "$taken"
says 'also for fake root' all nestp -0 -p "$taken:$free" ports check "$taken"
says 'by PRoot'\''s words' all sh -c '
  cd / && exec env PROOT_VERBOSE=-1 "$1" proot -r / --port="$2:$3" "$4" check "$2"' \
  sh "$program" "$taken" "$free" "$ports"
says 'any free one' all nestp -n ports check "$taken"
says 'other ports stay' "$taken" nestp -p "$free:1" ports reach "$taken"

nestp -p "$taken:$free" ports serve "$taken" >"$base/served" &
has_said served
says 'others find it where it was put' "$free" "$ports" reach "$free"
wait $!
report 'and it has served'

rm "$base/served"
nestp -v 1 --netcoop ports serve "$taken" >"$base/served" 2>"$base/told" &
has_said served
given=$(sed -n "s/.*port $taken of the guest is \\([0-9]*\\) of this machine/\\1/p" "$base/told" |
  head -n 1)
says 'the free one is told' "$given" "$ports" reach "$given"
wait $!
kill $holder
for wrong in 80 80:0 x:1 80:70000 80:81x; do
  says "-p $wrong is refused" \
    "nestp: option '-p': '$wrong' is not IN:OUT, two ports from 1 to 65535; try --help" \
    nestp -p $wrong true
done
says 'two ports on one are refused' \
  "nestp: option '-p': port 9 of the host is already port 7 of the guest; try --help" \
  nestp -p 7:9 -p 8:9 true
finish
