#!/bin/sh
# The fast path is used, can be turned off, and survives what may be wrong with its cache.
. "$(dirname -- "$0")/tap.sh"

mkdir -p "$rootfs/many"
for name in a b c d e f g h i j k l m n o p q r s t; do
  mkdir -p "$rootfs/many/$name"
  : >"$rootfs/many/$name/1"
  : >"$rootfs/many/$name/2"
done
ln -s a "$rootfs/many/way"
chmod -R a+rX "$rootfs/many"

# Fields of the total: stops, and calls made without one.
total() { printf '%s\n' "$err" | sed -n "s/.*\"total\": {[^}]*\"$1\": \([0-9]*\).*/\1/p"; }
walk() { run --stats=json "$@" -r "$rootfs" find /many -size +0; }

walk
is "$status" 0 && [ "$(total inside)" -gt 40 ] && [ "$(total stops)" -lt "$(total inside)" ]
point 'a walk over many files hardly stops'
# Neither do paths that nobody asked of before, unless they lead over links.
run --stats=json -r "$rootfs" sh -c :
stops=$(total stops)
run --stats=json -r "$rootfs" sh -c 'for name in b c d e f g h i; do
    [ -e "/many/$name/1" ] && [ -r "/many/$name/2" ] && [ ! -e "/many/$name/absent/1" ] ||
    exit 1; done'
is "$status" 0 && [ "$(total stops)" -le $((stops + 2)) ]
point 'a first look needs no stop'
# Nor over links, which some dozens of directories of their own lead through.
mkdir "$rootfs/many/by"
for name in b c d e f g h i j k l m n o p q r s t; do
  ln -s "../$name" "$rootfs/many/by/$name"
  ln -s "/many/$name" "$rootfs/many/to-$name"
  ln -s "$name/1" "$rootfs/many/last-$name"
done
run --stats=json -r "$rootfs" sh -c 'for name in b c d e f g h i j k l m n o p q r s t; do
    [ -e "/many/by/$name/1" ] && [ -r "/many/to-$name/2" ] && [ -f "/many/last-$name" ] &&
      [ ! -e "/many/by/$name/none" ] || exit 1; done'
is "$status" 0 && [ "$(total stops)" -le $((stops + 6)) ]
point 'nor a first look over links'
# asked WORDS: how often that stops, tested 120 times in /many/a, where no mount point is near.
asked() {
  run --stats=json -r "$rootfs" -b /dev -b /proc sh -c "cd /many/a; i=0
    while [ \$i -lt 120 ]; do [ $* ] || exit 1; i=\$((i + 1)); done"
  is "$status" 0 && echo "$(($(total stops) - some))"
}
some=0
some=$(asked -e 1)
for words in '-e ..' '! -e dev' '! -e exe' '-d /many/a/' '-d /many/b/.' '-d /many/way/'; do
  [ "$(asked "$words")" -lt 40 ]
  point "asked again and again it does not stop each time: $words"
done
walk --no-fast-path
is "$status" 0 && is "$(total inside)" 0 && [ "$(total stops)" -gt 40 ]
point '--no-fast-path'
run --stats -r "$rootfs" sh -c 'echo >/many/a/1; cat /many/b/../way/1; cat /proc/self/comm'
printf '%s\n' "$err" | grep -q '^open.* path not known' &&
  printf '%s\n' "$err" | grep -q '^open.* may change a file'
point '--stats says why a call was not made inside'
walk --cache=off
is "$status" 0 && is "$(total inside)" 0
point '--cache=off'
walk --cache=exclusive
is "$status" 0 && [ "$(total inside)" -gt 40 ]
point '--cache=exclusive'
run --cache=sometimes true
fails 125 "option '--cache': --cache takes shared" '--cache of another mode'

# Jumps lead behind the code, where its last page may be full.
fill() { python3 "$here/../support/fill_code.py" "$1" "$place/$2" && chmod 755 "$place/$2"; }
libc=/lib/x86_64-linux-gnu/libc.so.6 linker=/lib64/ld-linux-x86-64.so.2
fill "$rootfs/bin/busybox" busybox
run --stats=json -r "$rootfs" -b "$place/busybox:/bin/busybox" find /many -size +0
is "$status" 0 && [ "$(total inside)" -gt 40 ] && [ "$(total stops)" -lt "$(total inside)" ]
point 'a static program whose page of code is full'
run -r "$rootfs" -b "$place/busybox:/bin/busybox" -b /proc sh -c 'cat /proc/self/maps'
is "$status" 0 && ! printf '%s\n' "$out" | grep -q '^7[0-3]......-'
point 'what its jumps lead to is not shown in /proc/PID/maps'
fill "$libc" libc.so.6 && fill "$linker" "${linker##*/}"
ls_of_full() {
  run --stats=json -r / -b "$place/libc.so.6:$libc" -b "$place/${linker##*/}:$linker" "$@" -l /usr/bin
}
ls_of_full /bin/ls
is "$status" 0 && [ "$(total inside)" -gt 40 ] && [ "$(total stops)" -lt "$(total inside)" ]
point 'ld.so and libc whose pages of code are full'
is "$(printf '%s\n' "$out" | sort)" "$(as_user ls -l /usr/bin | sort)"
point 'all is found through them'
ls_of_full "$linker" /bin/ls
is "$status" 0 && [ "$(total inside)" -gt 40 ] && [ "$(total stops)" -lt "$(total inside)" ]
point 'ld.so run as a program'

# With -0: the rootfs must be the user's own.
tree=$place/tree
cp -r "$rootfs" "$tree"
chown -R -h 65534:65534 "$tree"
as_root() { run -0 -r "$tree" "$@"; }
as_root --stats=json find /many -size +0
is "$status" 0 && [ "$(total inside)" -gt 40 ] && [ "$(total stops)" -lt "$(total inside)" ]
point 'nor does it for a root who is believed'
as_root --stats=json sh -c 'for i in 1 2 3 4 5 6 7 8; do
    [ -O /many/a/1 ] && [ -w /many/a/1 ] && [ -r /bin/busybox ] || exit 1; done'
is "$status" 0 && [ "$(total inside)" -gt 20 ]
point "what root is shown of a file without a record"
as_root sh -c 'set -e
  cd /many; ln -s a link; mkdir dev; mknod dev/n c 1 3; mknod dev/odd c 240 7; : >file; chmod 0 file
  for round in 1 2 3; do
    stat -c "%u:%g %F" link file dev/n dev/odd a a/1
    chown -h 33:34 link; chown 35:36 file; chown 37 a
    echo gone >dev/n; cat dev/n; cat dev/odd || echo "no device"; cat file
  done
  stat -c "%u:%g %a" link file a; rm link file; : >file; ln -s a link; stat -c "%u:%g" link file; id -u'
is "$status" 0 && is "$(printf '%s\n' "$out" | tail -n 6 | tr '\n' ' ')" \
  '33:34 777 35:36 0 37:0 755 0:0 0:0 0 '
point 'a record counts from the moment that it is made'
is "$(printf '%s\n' "$out" | grep -c 'no device')" 3 && is "$(printf '%s\n' "$out" | grep -c gone)" 0
point 'devices that are placeholders are not read'
as_root sh -c 'cd /many; rm -f link; ln -s a link; i=0
  while [ $i -lt 40 ]; do
    [ "$(stat -c %u link)" = 55 ] && exit 0
    [ $i = 5 ] && : >started
    i=$((i + 1)); sleep 0.1
  done; exit 1' && is "$status" 0 &
other=$!
(
  i=0
  until [ -e "$tree/many/started" ] || [ $i = 100 ]; do i=$((i + 1)); sleep 0.1; done
  as_user "$nestp" -0 -r "$tree" chown -h 55 /many/link
)
wait "$other"
point 'what another session records is noticed'
as_root sh -c 'cp /bin/busybox /many/suid; chmod 700 /many/a; chmod 755 /many; stat /many/a/1 >/dev/null
  setuidgid 99:99 stat /many/a/1 2>&1 || su -s /bin/sh nobody -c "stat /many/a/1" 2>&1'
printf '%s\n' "$out" | grep -q 'Permission denied'
point 'who is root no more is not answered as root'

# inside CALL: how often it was made without a stop; of calls in two forms, in either.
inside() {
  case $1 in open) set -- openat open ;; stat) set -- stat newfstatat ;; *) set -- "$1" "$1" ;; esac
  awk -v a="$1" -v b="$2" '/^not inside/ { exit } $1 == a || $1 == b { sum += $6 } END { print sum + 0 }' \
    "$place/err"
}
as_root --stats sh -c 'mkdir /many/new && cd /many/new && mkdir 1 2 3 4 5 6 7 8 9 && chmod 711 [1-9] &&
  chown 0:0 [1-9] && touch a b c && chown 0 a b c && ls -ln . && rm a b c'
is "$status" 0 && [ "$(inside mkdir)" -ge 9 ] && [ "$(inside chmod)" -ge 9 ] &&
  [ "$(inside chown)" -ge 12 ] && [ "$(inside unlink)" -ge 3 ] &&
  is "$(printf '%s\n' "$out" | grep -c '^drwx--x--x .* 0 *0 .*[1-9]$')" 9
point 'what needs no record is made without a stop'
as_root sh -c 'mkdir /many/shared && chown 7:8 /many/shared && chmod 2770 /many/shared && cd /many/shared &&
  mkdir made && touch file && stat -c "%u:%g %a" made file && chown 9 file && chmod 4755 file &&
  chown 0 file && stat -c "%u:%g %a" file && chmod 600 file && stat -c "%u:%g %a" file'
is "$status" 0 && is "$(echo "$out" | tr '\n' ' ')" '0:8 2755 0:8 644 0:8 755 0:8 600 '
point 'what needs a record gets one'

# Records are the same whether the handler has seen the files or not.
changes='for f in 1 2 3 4 5 6 7 8; do : >$f; done; mkdir d; chown 5:6 [1-8] d; chmod 640 1; chmod 444 2
  chmod 0 3; chmod 755 4; chmod 111 5; chown 7 1 2 4 d; chown :8 4 5; chmod 750 d; chmod 4755 6; chown 9:9 6
  chown 0:0 7; chmod 600 7; chown 0:3 8; chmod 1777 d; chown 10 d; chmod 700 d; chown 4294967294 1'
for way in '' --no-fast-path; do
  as_user mkdir "$tree/changes$way"
  as_root $way --stats sh -ec "cd /changes$way; $changes"
  is "$status" 0
  point "owners and modes that must be recorded $way"
  as_root --no-fast-path sh -c "cd /changes$way; stat -c '%n %u:%g %a' *" && seen=$out
  records=$(cd "$tree/changes$way" && python3 -c '
import os
for name in sorted(os.listdir(".")):
    print(name, oct(os.stat(name).st_mode), [(key, os.getxattr(name, key)) for key in os.listxattr(name)])')
  [ -n "$way" ] || fast_seen=$seen fast_records=$records
done
is "$seen" "$fast_seen" && is "$records" "$fast_records" && [ "${records#*override_stat}" != "$records" ]
point '... are recorded alike'

as_root --stats sh -c 'cd /changes; i=0
  while [ $i -lt 60 ]; do [ -f 4 ] && : <4 && [ -d d/. ] && mkdir d/$i || exit 1; i=$((i + 1)); done
  : >d/0/new; stat -c "%u:%g %a" 4 d d/0 d/0/new'
is "$status" 0 && is "$(echo $out)" '7:8 755 10:6 700 0:0 755 0:0 644' && [ "$(inside mkdir)" -ge 55 ] &&
  [ "$(inside open)" -ge 55 ] && [ "$(inside stat)" -ge 110 ]
point 'what one attribute tells is shown without a stop'

as_user mkdir "$tree/written"
run -0 --stats -r / -w "$tree/written" python3 -c 'import os
for name in "123456789":
    file = os.open(name, os.O_CREAT | os.O_RDONLY, 0o644)
    os.fchown(file, 33, 34); os.fchmod(file, 0o640); os.fchown(file, 35, -1); os.fchmod(file, 0o755)
    seen = os.fstat(file); print(seen.st_uid, seen.st_gid, oct(seen.st_mode))'
is "$status" 0 && is "$(printf '%s\n' "$out" | uniq)" '35 34 0o100755' && [ "$(inside fchown)" -ge 16 ] &&
  [ "$(inside fchmod)" -ge 16 ] && is "$(stat -c %a "$tree/written/9")" 755
point 'and written without one'

# A host's mode that is not what the record asks for is set right, not believed.
chmod 644 "$tree/changes/4" && as_root --no-fast-path sh -c 'cd /changes; chmod 640 1; stat -c %a 1' && is "$out" 640 &&
  chmod 644 "$tree/changes/1" && as_root --no-fast-path sh -c 'cd /changes; chmod 640 1; stat -c %a 1' && is "$out" 640 &&
  is "$(stat -c %a "$tree/changes/1")" 640
point 'a mode that is recorded already'

# A directory that a mount point is to be in, made anew: the names in it are looked at anew.
as_user mkdir "$tree/between"
run --cache=exclusive -r "$tree" -b "$place:/between/mounted" sh -c 'there() {
    cd /between; i=0; while [ $i -lt 30 ]; do [ -e mounted ] || return; i=$((i + 1)); done; cd / && [ -e bin/sh ] && pwd -P >/dev/null
  }
  there && rmdir /between && mkdir /takes-its-number && mkdir /between && there'
is "$status" 0
point 'a directory on the way to a mount point, made anew'

# A host process changes a link that the guest uses all the time.
ln -sfn a "$rootfs/many/link"
(sleep 0.5; ln -sfn b "$rootfs/many/link") &
echo different >"$rootfs/many/b/1"
chmod a+r "$rootfs/many/b/1"
run -r "$rootfs" sh -c '
  i=0
  while [ $i -lt 400 ]; do
    [ -s /many/link/1 ] && echo seen && exit 0
    i=$((i + 1))
    sleep 0.01
  done
  exit 1'
wait
is "$status" 0 && is "$out" seen
point 'what a host process changes is noticed'

# Files are removed without stops, links and directories are not.
as_user mkdir "$place/remove" && for i in 1 2 3 4 5 6 7 8 9; do
  as_user touch "$place/remove/$i" && as_user ln -s "$i" "$place/remove/link$i"
done
run -r "$rootfs" -b "$place/remove:/tmp" --stats sh -c 'cd /tmp && rm [1-9] link1 link2 && ls'
is "$status" 0 && is "$(echo "$out" | tr '\n' ' ')" 'link3 link4 link5 link6 link7 link8 link9 ' &&
  is "$(awk '$1 == "unlink" { print $2, $6; exit }' "$place/err")" '2 9'
point 'removed files need no stop'

# Lists of sites and patched copies: kept, damaged, or not to be kept at all.
cache=$place/cache
mkdir -p "$cache" && chmod 777 "$cache"
XDG_CACHE_HOME=$cache
export XDG_CACHE_HOME
walk
is "$status" 0 && [ "$(ls "$cache/nestp/sites" | wc -l)" -gt 0 ] &&
  [ "$(ls "$cache/nestp/copies" | wc -l)" -gt 0 ]
point 'lists of sites and copies are kept'
run -r "$rootfs" -b /proc cat /proc/self/maps
is "$status" 0 && [ "${out#*/bin/busybox}" != "$out" ] && [ "${out#*copies}" = "$out" ]
point 'a mapped copy has the name of its file'
# Their time tells that nobody wrote to them, so that they need not be read to be believed.
new_copies() { find "$cache/nestp/copies" -type f -newer "$cache"; }
is "$(new_copies)" '' && touch "$cache"/nestp/copies/* && [ -n "$(new_copies)" ] && walk &&
  is "$status" 0 && is "$(new_copies)" ''
point 'copies have the time of their files'
sums() { (cd "$cache/nestp" && cat copies/* | cksum); }
whole=$(sums)
chmod -R u+w "$cache/nestp"
for file in "$cache"/nestp/sites/* "$cache"/nestp/copies/*; do
  printf 'damaged' | dd of="$file" bs=1 seek=70 conv=notrunc 2>/dev/null
done
[ "$whole" != "$(sums)" ]
point 'they are damaged'
walk
is "$status" 0 && [ "$(total inside)" -gt 40 ] && is "$(sums)" "$whole"
point 'damaged ones are made anew'
chmod -R u+w "$cache/nestp"
for file in "$cache"/nestp/sites/* "$cache"/nestp/copies/*; do : >"$file"; done
walk
is "$status" 0 && [ "$(total inside)" -gt 40 ] && is "$(sums)" "$whole"
point 'empty ones are made anew'
rm -f "$cache"/nestp/sites/* "$cache"/nestp/copies/*
chmod 555 "$cache/nestp/sites" "$cache/nestp/copies"
walk
is "$status" 0 && [ "$(total inside)" -gt 40 ] && is "$(ls "$cache/nestp/copies")" ''
point 'a cache that cannot be written'
chmod 755 "$cache/nestp/sites" "$cache/nestp/copies"

# Where that folder cannot even be made, TMPDIR's takes its place, if it is the person's alone.
elsewhere=$place/elsewhere
mkdir "$elsewhere" && chmod 1777 "$elsewhere"
own=$elsewhere/nestp-cache-$(as_user id -u)
walk_without_home() {
  captured as_user env XDG_CACHE_HOME=/none/cache TMPDIR="$elsewhere" timeout -k 5 60 "$nestp" \
    --stats=json -r "$rootfs" find /many -size +0
}
walk_without_home
is "$status" 0 && is "$(stat -c '%a %u' "$own")" "700 $(as_user id -u)" &&
  [ "$(ls "$own/nestp/copies" | wc -l)" -gt 0 ]
point 'a home that cannot be written'
for bad in 'chmod 755 "$own"' 'rm -r "$own"; ln -s "$place/other" "$own"' 'rm "$own"; : >"$own"'; do
  mkdir -p "$place/other" && chmod 777 "$place/other" && eval "$bad" && rm -rf "$own"/*
  walk_without_home
  is "$status" 0 && [ "$(total inside)" -gt 40 ] && is "$(find "$own/" "$place/other" -name nestp 2>/dev/null)" ''
  point "a folder there that others might write: $bad"
done

# Which files have no record is kept by the time of their last change, once that is some seconds ago.
plain=$cache/nestp/plain-1
plain_files() { od -An -v -tx8 "$plain" | tr -s ' ' '\n' | grep -c '[1-9a-f]'; }
as_root touch /many/b/new
as_root stat -c %u:%g /many/b/new
is "$out" 0:0 && kept=$(plain_files)
as_root stat -c %u:%g /many/b/new
is "$out" 0:0 && is "$(plain_files)" "$kept"
point 'of a new file it is not kept that it has no record'
sleep 4
as_root stat -c %u:%g /many/b/new
is "$out" 0:0 && is "$(plain_files)" $((kept + 1))
point 'of an old one it is'
as_root --no-fast-path chown 33:44 /many/b/new
as_root sh -c 'stat -c %u:%g /many/b/new; chown 0:0 /many/b/new; stat -c %u:%g /many/b/new
  chown 0:5 /many/b/new; stat -c %u:%g /many/b/new'
is "$(echo $out)" '33:44 0:0 0:5'
point 'a later record counts'
: >"$plain"
as_root stat -c %u:%g /many/b/new /many/b/1
is "$(echo $out)" '0:5 0:0' && is "$(stat -c %s "$plain")" 1048576
point 'an empty list of them is made anew'
rm "$plain"
echo other >"$cache/other" && chmod 666 "$cache/other" && ln -s ../other "$plain"
as_root stat -c %u:%g /many/b/new /many/b/1
is "$(echo $out)" '0:5 0:0' && is "$(cat "$cache/other")" other
point 'a link in its place is left alone'
rm "$plain"

# walk_on OPTIONS: the cache is on a small file system.
walk_on() {
  mount -t tmpfs -o "$1" none "$cache" && chmod 777 "$cache"
  walk
  is "$status" 0 && [ "$(total inside)" -gt 40 ] && is "$(ls "$cache/nestp/copies")" "$2"
}
if [ "$(id -u)" = 0 ] && mount -t tmpfs none "$cache" 2>/dev/null && umount "$cache"; then
  walk_on size=256k ''
  point 'a full disk'
  as_root stat -c %u:%g /many/b/new /many/b/1
  is "$(echo $out)" '0:5 0:0' && is "$(wc -c <"$plain")" 0
  point 'there is no list of files without records on it'
  umount "$cache"
  walk_on noexec ''
  point 'a file system that nothing may be executed from'
  umount "$cache"
else
  points=$((points + 1))
  echo "ok $points - small file systems # SKIP mounts are not allowed"
fi
done_testing
