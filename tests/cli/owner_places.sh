#!/bin/sh
# Where -0 remembers owners: file systems that are stacked, read-only, full, or tell little.
#
#   owner_places.sh NESTP
if [ "$(id -u)" = 0 ] && [ -z "${in_namespace-}" ] && unshare -m true 2>/dev/null; then
  in_namespace=1 exec unshare -m --propagation private sh "$0" "$@"
fi
. "$(dirname -- "$0")/tap.sh"
[ -n "${in_namespace-}" ] || skip_all 'mounts need root and a mount namespace'

# give NAME: what is below is the ordinary user's.
give() { chown -R -h 65534:65534 "$place/$1"; }

# on NAME WORD...: a tree of that name on what mount(8) makes of the words.
on() {
  name=$1
  shift
  mkdir "$place/$name"
  mount "$@" none "$place/$name" || return
  cp -a "$rootfs" "$place/$name/root" && mkdir -p "$place/$name/root/work" && give "$name"
}

# fake NAME SCRIPT: in that tree, as fake root.
fake() { run -0 -r "$place/$1/root" -b /dev -w /work sh -c "$2"; }

many=2000
make='echo text >f && chown 33:42 f && chmod 4750 f && mknod d c 1 3 && ln -s f l && chown -h 5:6 l &&
  mkdir D && echo text >D/in && chown 7:8 D && chmod 0 D'
all='stat -c "%n %u %g %a %F" f d l D D/in; find . -type c'
made='f 33 42 4750 regular file
d 0 0 644 character special file
l 5 6 777 symbolic link
D 7 8 0 directory
D/in 0 0 644 regular file
./d'

on memory -t tmpfs -o size=40m,mode=755
fake memory "umask 022; $make; $all" && ok && is "$out" "$made" && is "$err" ''
point 'tmpfs: owners are remembered'
fake memory "$all" && is "$out" "$made" && is "$err" ''
point '... by the next session, too'
mount -o remount,ro "$place/memory"
fake memory "$all" && is "$out" "$made" && is "$err" ''
point 'read-only: they are read all the same'
fake memory 'for words in "chown -h 9:9 l" "chown -h 5:6 l" "chown -h 9:9 /bin/sh" "chown 0:0 D" \
  "chown 7:8 D" "chmod 600 d" "chmod 4750 f" "chown 1:1 f" "mknod e c 1 5" "rm l" "mv f g"; do
  $words 2>&1 | grep -c "Read-only file system"; done | tr -d "\n"' && is "$out" 11111111111
point '... and no call changes any: EROFS'
fake memory "$all" && is "$out" "$made"
point '... even for the same session'
umount "$place/memory"

mkdir "$place/lower" && cp -a "$rootfs" "$place/lower/root" && mkdir "$place/lower/root/work"
echo low >"$place/lower/root/work/low" && give lower
mkdir "$place/space" && mount -t tmpfs -o size=40m,mode=755 none "$place/space"
mkdir "$place/space/upper" "$place/space/work" "$place/stack" && give space
if mount -t overlay -o "lowerdir=$place/lower,upperdir=$place/space/upper,workdir=$place/space/work" \
  none "$place/stack"; then
  fake stack "umask 022; $make; chown 3:4 low && ln low hard && mv low high && chmod 0 /work; $all" && ok &&
    is "$out" "$made"
  point 'overlayfs: owners are remembered'
  fake stack "$all; stat -c '%n %u %g %h' high hard; stat -c %a /work" && is "$out" "$made
high 3 4 2
hard 3 4 2
0"
  point '... also of what lay below'
  umount "$place/stack"
fi
umount "$place/space"

on full -t tmpfs -o size=40m,mode=755
fake full "seq $many | while read -r n; do ln -s x \$n; done; chown -h 9:9 1" && ok
dd if=/dev/zero of="$place/full/fill" bs=4k 2>/dev/null
fake full 'chown -h 7:7 1; chown -h 0:0 1; chown -h 7:7 2; stat -c "%n %u" 1 2'
is "$out" '1 9
2 0' && is "$(echo "$err" | grep -c 'No space left on device$')" 3 && is "$(echo "$err" | wc -l)" 3
point 'a full disk: what is remembered is shown, and nothing is believed that cannot be kept'
fake full 'mknod e c 1 3; rm -f e; ls' && ! echo "$out" | grep -qx e
point '... nor left behind'
rm "$place/full/fill"
fake full 'chown -h 8:8 1; stat -c "%n %u" 1 2' && is "$out" '1 8
2 0'
point '... with room again, all is as before'
fake full "seq $many | while read -r n; do
  [ \$n != 500 ] || dd if=/dev/zero of=/fill bs=4k 2>/dev/null
  chown -h 7:7 \$n 2>/dev/null || { chown -h 7:7 \$n; break; }; echo \$n; done >/dev/shm/told.$$
  cat /dev/shm/told.$$; rm /fill /dev/shm/told.$$; chown -h 6:6 $many; stat -c %u $many" && ok
kept=$(echo "$out" | tail -n 1)
told=$(echo "$out" | wc -l)
is "$kept" 6 && [ "$told" -ge 500 ] && [ "$told" -lt "$many" ] && echo "$err" | grep -q 'No space left on device$'
point "filled meanwhile: after $((told - 1)) of $many changes"
fake full 'find . -user 7 | wc -l' && is "$((out + 0))" "$((told - 1))"
point '... all of them are kept'
umount "$place/full"

on short -t ramfs -o mode=755
fake short "umask 022; $make; $all" && is "$out" "$made" &&
  echo "$err" | grep -q 'neither attributes nor times of birth: owners there are forgotten at the end$' &&
  is "$(echo "$err" | wc -l)" 1
point 'without attributes and times of birth: for a session, which is said'
umount "$place/short"

mkdir "$place/others" && cp -a "$rootfs" "$place/others/root" && mkdir "$place/others/root/work" && give others
fake others "umask 022; $make" && chown 0:0 "$place/others" "$place/others/root.nestp-owners" &&
  chmod 755 "$place/others" && chmod 644 "$place/others/root.nestp-owners"
fake others "$all" && is "$out" "$made" && is "$err" ''
point 'a database of somebody else is read'
fake others "chown -h 1:2 l && stat -c %u l" && is "$out" 1 && is "$(echo "$err" | grep -c 'forgotten at the end')" 1
point '... and what it cannot keep is said'
fake others "$all" && is "$out" "$made"
point '... to be forgotten'
done_testing
