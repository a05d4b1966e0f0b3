#!/bin/sh
# Hard links made of symbolic ones (-l), seen from outside, by other sessions, and after a kill.
#
#   link_to_symlink.sh NESTP        prints TAP; needs busybox-static
set -u
. "$(dirname "$0")/../support/busybox_guest.sh"
store=$root/.nestp-links

says 'a link is made' '2 2 regular file' nestp -l sh -c '
  mkdir -p d/e && echo text >a && ln a d/e/b && echo $(stat -c %h a d/e/b) $(stat -c %F a)'
says 'from outside it is a symbolic link to the file' 'text' cat "$root/work/d/e/b"
[ -L "$root/work/a" ] && [ -L "$root/work/d/e/b" ] && [ "$(cat "$root/work/a")" = text ]
report 'and so is the first name'
says 'another session counts the same' '3' nestp -l sh -c 'ln d/e/b c; stat -c %h a'
says 'the guest does not see where the file lies' 'bin dev etc proc root tmp work' \
  nestp -l sh -c 'cd /; mkdir -p root; echo $(ls -A)'
says 'without -l all can be read, too' 'text' nestp cat d/e/b
says 'a directory that is moved takes its names along' 'text' nestp -l sh -c '
  mv d/e e; cat e/b'
says 'also for those outside' 'text' cat "$root/work/e/b"
says 'an owner is one for all names' '5:6 3' nestp -0 -l sh -c '
  chown 5:6 a && stat -c "%u:%g %h" e/b'
says 'listings show files' '0' nestp -l sh -c 'find . -type l | wc -l'
mkdir -p "$root/sub/bin"
cp "$root/bin/busybox" "$root/sub/bin/"
own
says 'another root directory has them, too' 'text' nestp -0 -l sh -c '
  cp a /sub/file && ln /sub/file /sub/other && chroot /sub /bin/busybox cat /other'
says 'the last name takes the file with it' 'gone' nestp -l sh -c '
  rm -rf a c d e /sub; echo gone'
[ ! -e "$store" ]
report 'and nothing stays behind'

# Where a file cannot change places with a link in one step, a kill may leave it without its name.
mkdir "$store"
echo kept >"$store/0123456789abcdef"
ln -s 1 "$store/0123456789abcdef.links"
ln -s "$root/work/lost" "$store/0123456789abcdef.from"
ln -s ../work/nothing "$store/aaaaaaaaaaaaaaaa"
ln -s 1 "$store/aaaaaaaaaaaaaaaa.links"
own
says 'it is named again' 'kept 1' nestp -l sh -c '
  echo x >x; ln x y; echo $(cat lost) $(stat -c %h lost)'
[ ! -e "$store/aaaaaaaaaaaaaaaa.links" ] && [ ! -L "$store/0123456789abcdef.from" ]
report 'what was begun and never used is removed'
nestp -l rm -f x y lost

# Killed at any moment: all names lead to the file, and none too few are counted.
mkdir "$root/work/k"
own
round=0
while [ $round -lt 6 ]; do
  round=$((round + 1))
  as_user sh -c 'cd "$1" && echo $$ >pid && exec ./nestp -r "$2" -w /work/k -l /bin/sh -c "$3"' \
    sh "$base" "$root" '
      echo data >f0; i=0
      while :; do
        i=$((i + 1)); ln f0 l$i; ln l$i m; mv m f0; [ $((i % 3)) = 0 ] || rm l$i; done' \
    >/dev/null 2>&1 &
  running=$!
  sleep 0.$((2 + round))
  kill -9 "$(cat "$base/pid")" 2>/dev/null
  wait $running 2>/dev/null
done
[ "$(ls "$root/work/k" | wc -l)" -gt 3 ]
report 'links were made'
says 'after kills every name still has its file' '' nestp -l sh -c '
  cd k; for name in *; do [ "$(cat $name)" = data ] || echo "$name is lost"; done'
says 'and the count is not too low' '' nestp -l sh -c '
  cd k; for name in *; do
    names=$(find . -inum $(stat -c %i $name) | wc -l)
    [ $(stat -c %h $name) -ge $names ] || echo "$name: fewer than $names"; done'
finish
