#!/bin/sh
# Calls that the host lacks and the kernel of -k has: made of older ones.
#
#   missing_calls.sh NESTP NEWER_CALLS OLD_KERNEL SYSV_IPC        prints TAP; needs busybox-static
set -u
. "$(dirname "$0")/../support/busybox_guest.sh"
cp "$2" "$root/bin/newer_calls"
cp "$3" "$base/old_kernel"
cp "$4" "$root/bin/sysv_ipc"
own

# On a kernel without them; what the program says natively is the measure.
old() {
  (cd "$base" && as_user env -i PATH=/bin ${NESTP_LOG:+NESTP_LOG="$NESTP_LOG"} timeout -k 5 60 \
    ./old_kernel --older ./nestp -r "$root" -b /dev -b /proc -w /work "$@" </dev/null)
}

(cd "$root/work" && as_user "$root/bin/newer_calls" >"$base/output" 2>&1)
if [ "$(cat "$base/output")" = all ]; then
  rm -f "$root"/work/*
  says 'a newer kernel is promised: all work' all old -k 6.6 newer_calls
  rm -f "$root"/work/*
  says 'likewise for fake root' all old -0 -k 6.6 newer_calls
  rm -f "$root"/work/*
  # What came later than the promised release stays away.
  old -k 4.12 newer_calls >"$base/output"
  grep -q pidfd_open "$base/output" && ! grep -q -e getrandom -e dup3 "$base/output"
  report 'only up to the promised release'
  rm -f "$root"/work/*
  old newer_calls >"$base/output"
  grep -q getrandom "$base/output" && grep -q 'private futex' "$base/output"
  report 'a guest that was promised nothing finds them missing'
  rm -f "$root"/work/*
  says 'on a kernel that has them nothing changes' all nestp -k 6.6 newer_calls
else
  sed 's/^/# /' "$base/output"
  number=1
  echo 'ok 1 - calls # SKIP this kernel itself lacks some'
fi

(cd "$base" && as_user ./old_kernel --older "$root/bin/sysv_ipc" 2>"$base/output")
[ $? = 77 ]
report 'on a kernel without System V IPC there is none'
says 'a guest has it all the same' '' old sysv_ipc
says 'also a fake root' '' old -0 sysv_ipc
finish
