#!/bin/sh
# What nestp tells of a run: --trace, --stats, --backtrace, --dry-run.
. "$(dirname -- "$0")/tap.sh"

mkdir -p "$rootfs/told" && : >"$rootfs/told/file" && chmod -R a+rX "$rootfs/told"

inside --trace cat /told/file
is "$status" 0 && printf '%s\n' "$err" | grep -qE "^[0-9]+ open[a-z]* \"/told/file\" -> \"$rootfs/told/file\"$"
point '--trace: one line a translated call'
inside --trace="$place/out" cat /told/file
is "$status" 0 && is "$err" '' && grep -q '"/told/file"' "$place/out"
point '--trace=FILE'
inside --trace="$place/none/file" true
fails 125 '.*/none/file' '... that cannot be written'

inside --stats cat /told/file
is "$status" 0 && printf '%s\n' "$err" | grep -qE '^total +[0-9]+ +[0-9]+'
point '--stats: calls, stops and time'
inside --stats=json sh -c 'exit 3'
is "$status" 3 && printf '%s' "$err" | python3 -c '
import json, sys
told = json.load(sys.stdin)
sys.exit(not (told["executions"] == 1 and told["total"]["stops"] >= 0 and "calls" in told))'
point '--stats=json can be read'

if command -v gcc >/dev/null 2>&1 && [ -e /lib64/ld-linux-x86-64.so.2 ]; then
  printf '%s\n' '#include <stdlib.h>' 'void inner(void) { abort(); }' \
    'int main(void) { inner(); return 1; }' >"$place/aborts.c"
  # With its C library, whose frames come first.
  mkdir -p "$rootfs/lib64" "$rootfs/lib/x86_64-linux-gnu"
  for library in /lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/libc.so.6; do
    cp -L "$library" "$rootfs$library"
  done
  gcc -O0 -rdynamic "$place/aborts.c" -o "$rootfs/bin/aborts"
  inside -b /proc --backtrace aborts
  is "$status" 134 && printf '%s\n' "$err" | grep -q 'ends by Abort' &&
    printf '%s\n' "$err" | grep -q ' abort+.*/libc.so.6' &&
    printf '%s\n' "$err" | grep -q ' inner+' && printf '%s\n' "$err" | grep -q ' main+'
  point '--backtrace: the functions that led to a fatal signal'
fi
inside true
is "$err" ''
point 'else nothing is told'

inside -b /etc:/host --dry-run none-such-program
is "$status" 127
point '--dry-run says what would fail'
inside -b /etc:/host --dry-run sh -c 'touch /told/made'
is "$status" 0 && printf '%s\n' "$out" | grep -qE '^binding +/etc -> /host$' &&
  printf '%s\n' "$out" | grep -qE '^program +/bin/sh$' && [ ! -e "$rootfs/told/made" ]
point '... shows the view, and runs nothing'
done_testing
