#!/bin/sh
# Whether remembered owners and modes outlive everything: nestp killed at any moment, two sessions
# at once, many files, copies and renames of trees; and that nothing is left of removed files.
#
#   storage.sh NESTP [FILES ROUNDS]        prints TAP
#
# SEED=N: the moments and files of another run, as it printed them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
architecture=amd64
. "$here/lib.sh"
. "$here/pair.sh"
nestp=$(absolute "$1")
files=${2:-4000} rounds=${3:-3}
seed=${SEED:-$(date +%s)}
echo "# SEED=$seed"
limit=1800
begin_pair
unpack_pair
cp "$here/programs/storage.py" "$copy/storage.py"
chown $user:$user "$copy/storage.py"
cp "$copy/storage.py" "$real/storage.py"
storage() { in_fake python3 /storage.py "$@"; }

# records: how many the database holds.
records() {
  python3 -c '
import sqlite3, sys
base = sqlite3.connect(sys.argv[1])
print(sum(base.execute("select count(*) from " + table).fetchone()[0]
          for table in ("owner", "attribute", "pending")))' "$copy.nestp-owners"
}
# judge NAME FILE...: what these lists tell is true.
judge() {
  name=$1
  shift
  cat "$@" | as_user tee "$copy/list" >/dev/null
  storage judge /list >"$base/output" 2>&1
  result=$?
  report $result "$name ($(tail -n 1 "$base/output"))"
}
: >"$copy/list" && chown $user:$user "$copy/list"
storage make /start 1 20 >"$base/start.list"
in_fake rm -rf /start
before=$(records)

total=0
for round in $(seq "$rounds"); do
  rm -f "$copy/tracer"
  storage make "/killed$round" "$seed$round" >"$base/killed$round.list" 2>"$base/output" &
  until [ -s "$copy/tracer" ] || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
  # From the first file to the third second.
  sleep "$(awk -v seed="$seed$round" 'BEGIN { srand(seed); print 3 * rand() }')"
  kill -KILL "$(cat "$copy/tracer")"
  wait
  total=$((total + $(wc -l <"$base/killed$round.list")))
done
[ "$total" -gt "$rounds" ]
report $? "$rounds sessions are killed in the middle"
judge 'all is as it was told' "$base"/killed*.list

storage make /first "${seed}1" "$((files / 10))" >"$base/first.list" 2>"$base/output" &
storage make /second "${seed}2" "$((files / 10))" >"$base/second.list" 2>>"$base/output"
result=$?
wait $! && [ $result = 0 ] && [ "$(cat "$base/first.list" "$base/second.list" | wc -l)" -ge $((files / 5)) ]
report $? 'two sessions at once'
judge 'all is as both were told' "$base/first.list" "$base/second.list"

start=$(date +%s)
storage make /many "$seed" "$files" >"$base/many.list" 2>"$base/output"
result=$? seconds=$(($(date +%s) - start))
start=$(date +%s)
in_real python3 /storage.py make /many "$seed" "$files" >"$base/really.list" 2>&1
told=$(($(date +%s) - start))
[ $result = 0 ] && cmp "$base/many.list" "$base/really.list" >>"$base/output" 2>&1
report $? "$files files are made ($seconds s; real root: $told s)"
judge 'all is as it was told' "$base/many.list"
tree='find . -printf "%P %y %U %G %m %n\n" | sort'
# tar makes two files of a pipe with two names.
packed='find . -printf "%P %y %U %G %m\n" | sort'
start=$(date +%s)
in_fake sh -ec "cp -a /many /copied && mkdir /packed && tar -C /many -cf - . | tar -C /packed -xpf - --same-owner
  chmod --reference=/many /packed; mkdir /moved && mv /copied /moved/here
  cd /many && $tree >/root/many; cd /moved/here && $tree >/root/moved; cd /many && $packed >/root/few
  cd /packed && $packed >/root/packed; cmp /root/many /root/moved && cmp /root/few /root/packed" >"$base/output" 2>&1
report $? "cp -a, tar and mv of the tree keep all ($(($(date +%s) - start)) s)"
(cd "$real/many" && sh -c "$tree") >"$base/really"
in_fake cat /root/many >"$base/shown"
diff "$base/really" "$base/shown" >"$base/output"
report $? 'real root has made the same tree'
middle=$(records)
start=$(date +%s)
in_fake sh -c 'rm -rf /many /moved /packed /first /second /killed*' >"$base/output" 2>&1 && ! ls -d "$copy"/killed* 2>/dev/null
report $? "all of it is removed ($(($(date +%s) - start)) s)"
after=$(records)
[ "$after" = "$before" ]
report $? "no record is left of it: $before, $middle, $after"
finish
