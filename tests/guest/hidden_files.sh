#!/bin/sh
# Files that the guest must not see (-H), and the sizes of links (-L).
#
#   hidden_files.sh NESTP        prints TAP; needs busybox-static
set -u
. "$(dirname "$0")/../support/busybox_guest.sh"
mkdir "$root/work/.proot.d" "$root/work/shown"
echo secret >"$root/work/.proot.d/file"
: >"$root/work/.proot"
ln -s .proot.d/file "$root/work/shown/link"
mkdir "$root/work/many"
for number_of_file in 1 2 3 4 5 6 7 8 9; do
  for letter in a b c d e f g h i j k l m n o p q r s t u v w x y z; do
    : >"$root/work/many/.proot.$letter.a-name-long-enough-to-fill-a-listing.$number_of_file"
  done
done
: >"$root/work/many/last"
own

says 'they are seen without -H' '.proot' nestp sh -c 'ls -a | grep -x .proot'
says 'a listing lacks them' '. .. many shown' nestp -H sh -c 'echo $(ls -a)'
says 'also where they fill whole buffers' '. .. last' nestp -H sh -c 'echo $(ls -a many)'
says 'paths do not lead to them' \
  "cat: can't open '.proot.d/file': No such file or directory
cat: can't open '/work/.proot.d/file': No such file or directory" \
  nestp -H sh -c 'cat .proot.d/file; cat /work/.proot.d/file'
says 'links neither' "cat: can't open 'shown/link': No such file or directory" \
  nestp -H cat shown/link
says 'nor can they be made' "mkdir: can't create directory '.proot.e': No such file or directory" \
  nestp -H mkdir .proot.e
says 'and removed' "rm: can't remove '.proot': No such file or directory" nestp -H rm .proot
# Of the file systems that count subdirectories.
of_host=$(stat -c %h "$root/work")
[ "$of_host" -le 2 ] || of_host=$((of_host - 1))
says 'a directory does not count them' "$of_host" nestp -H stat -c %h .
says 'nor for fake root' "$of_host" nestp -H -0 stat -c %h /work
says 'fake root sees no more' '. .. many shown' nestp -H -0 sh -c 'echo $(ls -a)'

size_of='stat -c %s $1; echo $(($(readlink $1 | wc -c) - 1))'
says 'without -L the kernel tells the size' '64' nestp sh -c 'stat -c %s /proc/self/fd/0'
says 'a link of /proc is as long as its text' '1' \
  nestp -L sh -c "set -- /proc/self/cwd; ($size_of) | uniq | wc -l"
says 'likewise the program' '1' nestp -L sh -c "set -- /proc/1/../self/exe; ($size_of) | uniq | wc -l"
says 'for fake root, too' '5' nestp -0 -L sh -c 'stat -c %s /proc/$$/cwd'
says 'others stay' '13' nestp -L stat -c %s shown/link
finish
