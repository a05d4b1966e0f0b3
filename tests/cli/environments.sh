#!/bin/sh
# Named environments: install from all sources, run, enter, list, ps, kill, clone, backup, remove.
. "$(dirname -- "$0")/tap.sh"
needs_program python3
needs_x86_64

home=$place/home
mkdir -m 777 "$home"
# n WORD...: nestp as an ordinary user; sets $status, $out and $err.
n() {
  captured as_user env -i HOME="$home" PATH="$PATH" ${REGISTRY_AUTH_FILE:+REGISTRY_AUTH_FILE="$REGISTRY_AUTH_FILE"} \
    timeout -k 5 100 "$nestp" "$@"
}
roots=$home/.local/share/nestp/environments

busybox=$(command -v busybox)
python3 "$here/make_oci.py" "$busybox" "$place/layout"
python3 "$here/make_oci.py" "$busybox" "$place/two" two
# What the three layers come to.
is_right() { # NAME
  root=$roots/$1/root
  is "$(cd "$root" && ls | tr '\n' ' ')" 'back bin d etc kept lib opaque tmp usr ' &&
    is "$(cat "$root/d") $(cat "$root/kept") $(ls "$root/opaque") $(cat "$root/usr/lib/through")" \
      'a file now new upper link'
}

n list
ok && is "$out" ''
point 'nothing is installed at first'
n install "$place/layout" layout
ok && is_right layout
point 'an OCI layout, with its removals'
n install --name two "$place/two"
ok && is_right two
point 'an index of two machines'
n install --arch sparc "$place/two" other
wrong 1 'not made for sparc, only for s390x, amd64' 'a machine that the image is not made for'
[ ! -e "$roots/other" ] && [ -z "$(ls -A "$roots" | grep new)" ]
point '... leaves nothing'
n install "$place/layout" layout
wrong 1 'already' 'not over another environment'
n install "$place/layout" '../x'
wrong 1 'is no name' 'names are names'
tar -C "$place/layout" -cf "$place/layout.tar" .
n install "$place/layout.tar" packed
ok && is_right packed
point 'an archive of a layout'
tar -C "$rootfs" -czf "$place/tree.tar.gz" .
n install "$place/tree.tar.gz"
ok && cmp -s "$roots/tree/root/bin/busybox" "$busybox"
point 'an archive of a tree'
n install "$rootfs" directory
ok && cmp -s "$roots/directory/root/bin/busybox" "$busybox"
point 'a directory'
cp -r "$place/layout" "$place/damaged"
big=$(ls -S "$place/damaged/blobs/sha256" | head -n 1)
printf x >>"$place/damaged/blobs/sha256/$big"
n install "$place/damaged" damaged
wrong 1 'is damaged: its digest' 'a damaged layer'
n install "$place/nowhere.tar"
wrong 1 'No such file' 'a file that is not there'

n run layout
ok && is "$out" 'hello there from /opaque'
point 'run: what the image says'
n run --env GREETING=bye layout 'echo "$GREETING $NESTP_ENVIRONMENT"; exit 5'
is "$status" 5 && is "$out" 'bye layout'
point 'run: other words'
n enter layout id -u
ok && is "$out" 0
point 'enter: as root, as images expect'
n enter layout sh -c 'touch /new && chown 5:6 /new && stat -c %u:%g /new'
ok && is "$out" 5:6
point 'enter: owners are kept'
n enter --user ann layout id -u
ok && is "$out" 1000
point "enter: a user of the environment"
n enter --user 7:8 layout sh -c 'id -u; id -g'
ok && is "$out" "7
8"
point 'enter: ids by number'
mkdir data && echo content >data/file && chmod -R a+rX data
n enter --bind "$place/data:/mnt" layout cat /mnt/file
ok && is "$out" content
point 'enter: a binding'
echo "bind = $place/data:/mnt/always" >>"$roots/layout/settings"
n enter layout cat /mnt/always/file
ok && is "$out" content
point 'settings: a binding for always'
echo "bnid = x" >>"$roots/layout/settings"
n enter layout true
wrong 125 'settings: line [0-9]+: there is no key' 'settings: a wrong key is named'
sed -i '/bnid/d' "$roots/layout/settings"
n enter --backend=namespace two id -u
if [ "$status" = 0 ]; then
  is "$out" 0
  point 'enter: by namespaces'
fi
n enter nowhere true
wrong 125 "no environment 'nowhere'" 'enter: none of that name'

printf '# mine\nFROM_FILE=a b\n\n' >"$home/variables"
n enter --env-file "$home/variables" layout sh -c 'echo "$FROM_FILE"'
ok && is "$out" 'a b'
point 'enter: variables of a file'
echo x >"$home/variables"
n enter --env-file "$home/variables" layout true
wrong 125 'line 1 is not NAME=VALUE' '... whose lines are checked'
n enter layout sh -c 'ls "$HOME"'
printf '%s' "$out" | grep -q variables
point 'home: shared'
n enter --home private layout sh -c "echo \$HOME; ls $home/variables"
is "$out" /root && [ "$status" != 0 ]
point 'home: private'
as_user mkdir "$home/other" && as_user touch "$home/other/here"
n enter --home "$home/other" layout sh -c 'ls $HOME'
is "$out" here
point 'home: another directory'
as_user mkdir -p "$home/.config/nestp"
printf 'bind = %s:/mnt/common\nenv = COMMON=yes\nhome = private\n' "$place/data" | as_user tee "$home/.config/nestp/settings" >/dev/null
n enter layout sh -c 'cat /mnt/common/file; echo $COMMON $HOME'
is "$out" 'content
yes /root'
point 'settings of all environments'
echo 'bnid = x' | as_user tee "$home/.config/nestp/settings" >/dev/null
n enter layout true
wrong 125 'nestp/settings: line 1: there is no key' '... a wrong key is named'
rm -r "$home/.config"
n enter --ephemeral layout sh -c 'rm /kept && echo x >/added && cat /added; exit 6'
is "$status" 6 && is "$out" x && [ -e "$roots/layout/root/kept" ] && [ ! -e "$roots/layout/root/added" ] &&
  is "$(ls "$roots" | grep -c copy)" 0
point 'enter --ephemeral: a copy that goes'
n enter layout sh -c 'rm /kept && touch /added && chown 5:6 /added'
n reset layout
ok && is_right layout && [ ! -e "$roots/layout/root/added" ] && n enter layout cat /mnt/always/file && is "$out" content
point 'reset: the files are new, the settings stay'
mv "$place/layout" "$place/elsewhere"
n reset layout
wrong 1 "'layout' is as it was" 'reset: a source that is gone'
mv "$place/elsewhere" "$place/layout"
is_right layout
point '... leaves it as it was'
n list --json
ok && printf '%s' "$out" | python3 -c 'import json, sys
assert "layout" in [e["name"] for e in json.load(sys.stdin)["environments"]]'
point 'list --json'
as_user env -i HOME="$home" "$nestp" enter layout sleep 60 >/dev/null 2>&1 &
sleep 1
n ps
is "$(printf '%s\n' "$out" | cut -f2,3)" 'layout	sleep 60'
point 'ps'
n remove layout
wrong 1 'is in use' 'remove: not under a session'
n kill layout
ok && wait $! ; n ps
is "$out" ''
point 'kill'
menu=$home/.local/share/applications
as_user mkdir -p "$roots/two/root/usr/share/applications"
as_user tee "$roots/two/root/usr/share/applications/one.desktop" >/dev/null <<'END'
[Desktop Entry]
Name=One
Name[de]=Eins
TryExec=one
Exec=one --new %U
Icon=/usr/share/one.png
END
as_user ln -s /etc/passwd "$roots/two/root/usr/share/applications/link.desktop"
n desktop two
ok && is "$(ls "$menu")" nestp+two+one.desktop && is "$(cat "$menu"/*)" "[Desktop Entry]
Name=One (two)
Name[de]=Eins (two)
Exec=\"$nestp\" enter two -- one --new %U
Icon=$roots/two/root/usr/share/one.png"
point 'desktop: entries start the program inside; links are no entries'
n desktop --remove two
ok && is "$(ls "$menu")" ''
point 'desktop --remove'
n desktop two && n remove two && ok && is "$(ls "$menu")" ''
point '... and with the environment'
n clone layout copy
ok && rm -f "$roots/copy/root/new" && is_right copy
point 'clone'
n rename copy renamed
ok && [ ! -e "$roots/copy" ] && n enter renamed cat /kept && is "$out" new
point 'rename'
n backup renamed "$home/backup.tar.gz"
ok && n remove renamed && ok && [ ! -e "$roots/renamed" ]
point 'backup and remove'
n restore "$home/backup.tar.gz" again
ok && n enter again cat /kept /mnt/always/file && is "$out" "newcontent"
point 'restore: files and settings'
n export again "$home/files.tar"
ok && tar -tf "$home/files.tar" | grep -q '^bin/busybox'
point 'export'
long=$roots/again/root/$(printf 'd%099d/' 0)$(printf 'f%0150d' 0)
as_user mkdir -p "${long%/*}" && echo far | as_user tee "$long" >/dev/null
as_user ln -s "$(printf 'l%0120d' 0)" "$roots/again/root/link"
as_user ln "$long" "$roots/again/root/hard"
n export again "$home/long.tar.xz"
mkdir unpacked
content() { (cd "$1" && find . ! -type d -printf '%p %y %s %n %l\n' | sort); }
ok && tar -C unpacked -xJf "$home/long.tar.xz" && is "$(content unpacked)" "$(content "$roots/again/root")"
point 'export: what tar reads, long names and links'
n restore "$home/files.tar"
wrong 1 'is no backup' 'restore takes only backups'
n clone again
wrong 1 'the words are' 'a missing word'
n install --what x
wrong 1 "unknown option '--what'" 'an unknown option'

# Owners other than root, set-ID bits and devices: of the archive, and wherever the tree goes.
python3 - "$busybox" >"$place/owned.tar" <<'END'
import io, sys, tarfile
archive = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
def add(name, kind=tarfile.REGTYPE, mode=0o755, uid=0, gid=0, link="", content=b"", **more):
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid, entry.linkname, entry.size = kind, mode, uid, gid, link, len(content)
    for key, value in more.items():
        setattr(entry, key, value)
    archive.addfile(entry, io.BytesIO(content))
add("./", tarfile.DIRTYPE)
add("bin/busybox", content=open(sys.argv[1], "rb").read())
for name in ("sh", "stat", "chown", "cat"):
    add("bin/" + name, tarfile.SYMTYPE, link="busybox")
add("etc/shadow", mode=0o640, gid=42, content=b"secret\n")
add("bin/su", mode=0o4755)
add("srv/mail", tarfile.DIRTYPE, 0o2775, 8, 8)
add("srv/mail/box", mode=0o400, uid=1000, gid=8, content=b"letter\n")
add("srv/null", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3)
archive.close()
END
owners='0:42 640
0:0 4755
8:8 2775
1000:8 400
0:0 666 1,3'
has_owners() { # ENVIRONMENT NAME
  n enter --backend ptrace "$1" /bin/sh -c 'cd /; stat -c "%u:%g %a" etc/shadow bin/su srv/mail srv/mail/box; stat -c "%u:%g %a %t,%T" srv/null'
  ok && is "$out" "${3:-$owners}"
  point "$2"
}
n install "$place/owned.tar" owned
has_owners owned "install: owners, set-ID bits and devices of the archive"
[ ! -u "$roots/owned/root/bin/su" ]
point "... and no set-ID bit of the person's own"
n enter --backend ptrace owned chown 7:7 /etc/shadow
owners=$(printf '%s\n' "$owners" | sed 's/^0:42/7:7/')
n clone owned owned2
has_owners owned2 'clone: also what a session has changed'
n backup owned "$home/owned.tar.gz"
n restore "$home/owned.tar.gz" owned3
has_owners owned3 'backup and restore'
n export owned "$home/export.tar"
is "$(tar --numeric-owner -tvf "$home/export.tar" | sed -n 's,^\(.*[0-9]/[0-9]*\) .* \(\./\)*\(etc/shadow\|bin/su\|srv/mail/box\|srv/null\)$,\1 \3,p' | sort)" \
  '-r-------- 1000/8 srv/mail/box
-rw-r----- 7/7 etc/shadow
-rwsr-xr-x 0/0 bin/su
crw-rw-rw- 0/0 srv/null'
point 'export'
n install "$roots/owned/root" owned4
has_owners owned4 'install of a directory'
n reset owned
has_owners owned 'reset: the owners of the archive' "$(printf '%s\n' "$owners" | sed 's/^7:7/0:42/')"
for name in owned owned2 owned3 owned4; do n remove $name; done
ok && is "$(ls "$roots" | grep owned)" ''
point 'remove: also files of others'

# Recipes, images to take elsewhere, and joining a session.
printf '%s\n' "source = $place/layout" 'setup = id -u >/made && chown 5:6 /made' 'setup = echo $HOME >>/made' \
  'env = FROM=recipe' >"$place/tools.recipe"
n install "$place/tools.recipe"
ok
point 'install of a recipe'
n enter --backend ptrace tools /bin/sh -c 'cat /made; echo $FROM; stat -c %u:%g /made'
is "$out" '0
/
recipe
5:6' || { echo "# $err"; false; }
point '... which makes it ready, as root of its own home'
n reset tools
n enter --backend ptrace tools /bin/sh -c 'cat /made; echo $FROM'
is "$out" '0
/
recipe'
point '... also after a reset'
printf '%s\n' "source = $place/layout" 'setup = exit 7' >"$place/fails.recipe"
n install "$place/fails.recipe"
wrong 1 "its setup 'exit 7' ended with status 7; nothing was installed" '... and one that fails'
is "$(ls "$roots" | grep fails)" ''
point '... leaves nothing'
echo 'bind = /x' >"$place/no.recipe"
n install "$place/no.recipe"
wrong 1 "no.recipe: it has no line 'source = IMAGE'" '... and one without a source'

n export --oci tools "$home/image"
ok && n install "$home/image" again2 && ok
n enter --backend ptrace again2 /bin/sh -c 'cat /made; echo $FROM; stat -c %u:%g /made'
is "$out" '0
/
recipe
5:6'
point 'export --oci: an image that can be installed, with owners and variables'
n export --oci tools "$home/image"
wrong 1 'image: File exists' '... not over another'
if command -v skopeo >/dev/null; then
  skopeo --insecure-policy copy "oci:$home/image:latest" "dir:$place/pushed" >skopeo.log 2>&1 || cat skopeo.log
  is "$(skopeo inspect --format '{{.Architecture}} {{.Env}}' "oci:$home/image:latest")" "amd64 [$(sed -n 's/^env = //p' "$roots/tools/settings" | tr '\n' ' ' | sed 's/ $//')]"
  point '... that skopeo can push'
fi

n enter --backend namespace layout /bin/sh -c 'mount -t tmpfs none /tmp && echo here >/tmp/seen; echo $$; exec sleep 1' >/dev/null
if [ "$status" = 0 ]; then
  as_user env -i HOME="$home" PATH="$PATH" INSIDE=yes "$nestp" enter --backend namespace layout /bin/sh -c \
    'mount -t tmpfs none /tmp && echo here >/tmp/seen && exec sleep 20' &
  for try in 1 2 3 4 5 6 7 8 9 10; do
    n join layout cat /tmp/seen
    [ "$status" != 0 ] || break
    sleep 0.3
  done
  is "$out" here
  point 'join: what a session has mounted'
  n join layout /bin/sh -c 'id -u; pwd; echo $INSIDE; exit 9'
  is "$out" '0
/
yes' && is "$status" 9
  point '... its ids, variables and status'
  n join layout absent
  wrong 127 'absent: No such file' '... a command that is not there'
  n kill layout
  wait $!
fi
n join nowhere
wrong 125 "no session 'nowhere'; see: nestp ps" 'join: no such session'
as_user env -i HOME="$home" PATH="$PATH" "$nestp" enter --backend ptrace layout sleep 20 &
sleep 1
n join layout
wrong 125 'has no namespaces; to see its files: nestp enter layout' 'join: a session by ptrace'
n kill layout
wait $!
for name in tools again2; do n remove $name; done

printf '#!/bin/sh\necho "of the host: $*"\n' >"$home/of-host"
chmod 755 "$home/of-host"
for backend in ptrace namespace; do
  n enter --backend $backend layout /bin/sh -c :
  [ "$status" = 0 ] || continue
  n enter --backend $backend --host-programs layout /bin/sh -c '
    cd $HOME && host-run ./of-host "a b" $; host-run sh -c "exit 7"; echo $?; echo through | host-run cat; host-run pwd
    ln -s /run/nestp/host-run /tmp/uname && /tmp/uname -n; rm /tmp/uname'
  is "$out" "of the host: a b $
7
through
$home
$(uname -n)" || { echo "# $err"; false; }
  point "--host-programs, --backend $backend: the host's programs, their status, descriptors and directory"
  n enter --backend $backend --host-programs layout host-run absent
  wrong 127 'host-run: absent: No such file' '... one that is not there'
  n enter --backend $backend --host-programs layout /bin/sh -c 'host-run sleep 4321 & sleep 1; kill $!; wait $!'
  sleep 0.5
  is "$(ps -ww -e -o args | grep '^sleep 4321')" ''
  point '... which ends with who asked for it'
done
n enter layout /bin/sh -c 'PATH=$PATH:/run/nestp; host-run true'
wrong 127 'host-run: not found' '... which is not there without the option'
n enter --host-programs --detach layout true
wrong 125 'contradict each other' '... nor for a session that is left alone'
captured as_user env -i PATH="$PATH" "$nestp" install "$place/layout" x
wrong 1 'neither HOME nor XDG_DATA_HOME is set' 'install: without a home'

registry=$(command -v docker-registry)
if [ -n "$registry" ] && command -v skopeo >/dev/null; then
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  cat >registry.yml <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $place/registry}}
http: {addr: "127.0.0.1:$port"}
END
  "$registry" serve registry.yml >registry.log 2>&1 &
  servers=$!
  for try in 1 2 3 4 5 6 7 8 9 10; do
    python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/v2/')" 2>/dev/null && break
    sleep 0.5
  done
  skopeo --insecure-policy copy --dest-tls-verify=false "oci:$place/layout:latest" \
    "docker://127.0.0.1:$port/some/image:1" >skopeo.log 2>&1 || cat skopeo.log
  skopeo --insecure-policy copy --format v2s2 --dest-tls-verify=false "oci:$place/layout:latest" \
    "docker://127.0.0.1:$port/docker/image:1" >skopeo.log 2>&1 || cat skopeo.log
  n install "127.0.0.1:$port/some/image:1" pulled
  ok && is_right pulled && n run pulled && is "$out" 'hello there from /opaque'
  point 'from a registry'
  n install "127.0.0.1:$port/docker/image:1" docker
  ok && is_right docker
  point 'from a registry, in the form of Docker'
  n install "127.0.0.1:$port/some/image:2" absent
  wrong 1 'there is no such image' 'a tag that is not there'
  digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://127.0.0.1:$port/some/image:1")
  n install "127.0.0.1:$port/some/image@$digest" digest
  ok && is_right digest
  point 'by digest'
  skopeo --insecure-policy copy "oci:$place/layout:latest" "docker-archive:$place/saved.tar:x:1" >skopeo.log 2>&1 || cat skopeo.log
  if [ -e "$home/image" ]; then
    skopeo --insecure-policy copy --dest-tls-verify=false "oci:$home/image:latest" \
      "docker://127.0.0.1:$port/own/image:1" >skopeo.log 2>&1 || cat skopeo.log
    n install "127.0.0.1:$port/own/image:1" pushed
    ok && n enter --backend ptrace pushed stat -c %u:%g /made && is "$out" 5:6
    point 'what export --oci writes, pushed and installed'
  fi
  n install "$place/saved.tar" saved
  ok && is_right saved && n run saved && is "$out" 'hello there from /opaque'
  point 'what docker save writes'
  kill "$servers"
  wait "$servers" 2>/dev/null
  servers=
  n install "127.0.0.1:$port/some/image:1" gone
  wrong 1 . 'no registry'
else
  echo '# skipped, no docker-registry or no skopeo'
fi
done_testing
