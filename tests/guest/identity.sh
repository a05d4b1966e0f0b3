#!/bin/sh
# A table of what root may do: real root in a chroot and the fake one under nestp must print the
# same lines.
#
#   identity.sh NESTP TABLE PEER STACK   prints TAP; TABLE is the program of tests/guest/identity,
#                                        PEER and STACK those of programs/peer_i386.cc and
#                                        programs/handler_stack.cc
set -u
if [ "$(id -u)" != 0 ]; then
  echo "1..0 # SKIP needs root, for comparison"
  exit 0
fi
. "$(dirname "$0")/../support/busybox_guest.sh"

# fresh: a new /work and the program, of the ordinary user.
fresh() {
  rm -rf "$root/work" "$root/bin/table"
  mkdir "$root/work"
  cp "$1" "$root/bin/table"
  chmod 755 "$root" "$root/work" "$root/bin" "$root/bin/table"
}

# really WORD: the program in the root file system, as real root.
really() {
  unshare -m -u --propagation private sh -c '
    mount --bind "$1" "$1" && mount --rbind /dev "$1/dev" && mount --rbind /proc "$1/proc" &&
      exec chroot --groups=0 "$1" /bin/env -i PATH=/bin sh -c "cd /work && exec $2"' sh "$root" "$1" \
    2>&1 </dev/null
}

# narrow WORD...: nestp in a user namespace that has one id, if there may be one.
narrow() {
  if as_user unshare -U -r true 2>/dev/null; then
    (cd "$base" && as_user unshare -U -r env -i PATH=/bin timeout -k 5 60 \
      ./nestp --backend=ptrace -r "$root" -b /dev -b /proc -w /work "$@" </dev/null)
  else
    nestp "$@"
  fi
}

fresh "$2"
cp "$3" "$root/bin/peer"
chmod 755 "$root/bin/peer"
chown -R -h 0:0 "$root"
really table >"$base/real"
really peer >"$base/real.peer"
fresh "$2"
own
# There a thread is seen later than its maker's next call.
cpu=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)
(cd "$base" && as_user env -i PATH=/usr/bin:/bin taskset -c "$cpu" timeout -k 5 60 \
  ./nestp -r "$root" -b /dev -b /proc -w /work -0 /bin/table </dev/null) >"$base/alone" 2>&1
nestp -0 sh -c 'rm -rf /work/* /work/.[a-z]*'
fresh "$2"
own
nestp -0 /bin/table >"$base/fake" 2>&1

lines=$(wc -l <"$base/real")
[ "$lines" -ge 500 ]
report 'real root printed all of its lines'
diff "$base/real" "$base/fake" >"$base/difference"
report "$lines lines are the same for fake root"
head -n 60 "$base/difference" | sed 's/^/# /'
diff "$base/real" "$base/alone" >"$base/difference"
report 'also on one processor'
head -n 60 "$base/difference" | sed 's/^/# /'
nestp -0 /bin/peer >"$base/fake.peer" 2>&1
lines=$(wc -l <"$base/real.peer")
[ "$lines" -ge 26 ] && diff "$base/real.peer" "$base/fake.peer" >"$base/difference"
report "i386: $lines lines on the other ends of sockets are the same"
sed 's/^/# /' "$base/difference"
mkdir "$base/kept" && echo text >"$base/kept/file" && own
printed=$(nestp -0 --ro-bind "$base/kept:/work/kept" /bin/table change /work/kept/file 2>&1)
[ "$(echo "$printed" | grep -c ' = EROFS$')" = 4 ] || { echo "$printed" | sed 's/^/# /'; false; }
report 'root changes nothing of a read-only binding by descriptor'
rm -r "$base/kept"
printf 'root:x:0:0::/:/bin/sh\nother:x:60:60::/:/bin/sh\n' >"$root/etc/passwd"
chmod 700 "$base" && chown 65534:65534 "$base"
printed=$(nestp -0 su other -c 'exec id -u' 2>&1)
[ "$printed" = 60 ] || { echo "# $printed"; false; }
report 'what lies above the root file system is nobody'"'"'s matter'
chmod 755 "$base"
for identity in -0 '-i 50:60'; do
  # shellcheck disable=SC2086  # words
  says "$identity: the maps of ids are those of the host's own namespace" '0 0 4294967295
0 0 4294967295
allow' narrow $identity sh -c \
    'cd /proc/self; cat uid_map gid_map setgroups | tr -s " " | sed "s/^ //"'
done
mkdir -p "$root/work/old/moved" "$root/work/new" && chmod 555 "$root/work/old/moved" "$root/work/old" "$root/work/new"
own
says 'root moves directories that their owner may not write, and finds their modes' '555 555 555' nestp -0 sh -c \
  'cd /work && mv old/moved new/ && echo $(stat -c %a old new new/moved)'
says 'the root of a namespace of one id may own what it likes' '33 44 4755' narrow -0 sh -c \
  'touch /work/given && chown 33:44 /work/given && chmod 4755 /work/given && stat -c "%u %g %a" /work/given'
cp "$4" "$root/bin/stack" && chmod 755 "$root/bin/stack"
printed=$(nestp -0 /bin/stack 2>&1)
report "the handler has room on its stack: $printed"
left=$(nestp -0 sh -c 'cd / && rm -rf work/* && find work | wc -l')
[ "$left" = 1 ]
report 'all of it can be removed'
rows=$(python3 -c '
import sqlite3, sys
base = sqlite3.connect(sys.argv[1])
print(sum(base.execute("select count(*) from " + t).fetchone()[0]
          for t in ("owner", "attribute", "pending")))' "$root.nestp-owners")
[ "$rows" = 0 ]
report "no record is left behind ($rows)"
finish
