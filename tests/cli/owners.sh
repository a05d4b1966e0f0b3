#!/bin/sh
# nestp owners: what -0 remembers, as lists of other programs and from them.
. "$(dirname -- "$0")/tap.sh"

cp -a "$rootfs" tree && mkdir -p tree/work
[ "$(id -u)" != 0 ] || chown -R -h 65534:65534 tree
run -0 -r "$place/tree" -w /work sh -c '
  echo text >f && chown 33:42 f && chmod 4750 f && ln -s f l && chown -h 5:6 l && mknod d c 1 3 && mkdir "a b"'
is "$status" 0
point 'a tree with owners'
run owners export "$place/tree"
cp out list
grep -v '^\./bin\|^\./etc' list >shown
printf '%s\n' "$(grep '^./work' shown | sort)" >got
cat >wanted <<'END'
./work type=dir uid=0 gid=0 mode=0755
./work/a\040b type=dir uid=0 gid=0 mode=0755
./work/d type=char uid=0 gid=0 mode=0644 device=native,1,3
./work/f type=file uid=33 gid=42 mode=4750
./work/l type=link uid=5 gid=6 mode=0777 link=f
END
diff wanted got
point 'export as mtree'
cp -R -P tree copy && rm -f copy/work/d && : >copy/work/d
[ "$(id -u)" != 0 ] || chown -R -h 65534:65534 copy
as_user "$nestp" owners import "$place/copy" <list >out 2>err
is "$(cat err)" ''
point 'import of mtree'
run owners export "$place/copy"
sort out >a && sort list | diff - a
point 'a copy has the owners of its list'
run owners export "$place/tree" --format=fakeroot
cp out saved
is "$(sed 's/dev=[^,]*,ino=[^,]*,//' saved | sort)" 'mode=104750,uid=33,gid=42,nlink=1,rdev=0
mode=120777,uid=5,gid=6,nlink=1,rdev=0
mode=20644,uid=0,gid=0,nlink=1,rdev=259'
point 'export as fakeroot saves it'
run -0 -r "$place/tree" -w /work sh -c 'chown 0:0 f; chown -h 0:0 l; chmod 644 f'
as_user "$nestp" owners import --format=fakeroot "$place/tree" <saved 2>err
run -0 -r "$place/tree" -w /work stat -c '%u:%g %a' f l
is "$out" '33:42 4750
5:6 777'
point 'import of what fakeroot saved'
run owners frobnicate "$place/tree"
fails 125 'owners takes .export. or .import.' 'wrong words'
run owners export "$place/absent"
fails 125 'owners: .*/absent: No such file or directory' 'no such tree'
printf './absent type=file uid=1 gid=1 mode=0644\n./../up type=file uid=1 gid=1 mode=0644\n' |
  as_user "$nestp" owners import "$place/tree" 2>err
grep -q '0 of 2 entries were taken' err
point 'entries that name no file of the tree are told'
done_testing
