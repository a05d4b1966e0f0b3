#!/bin/sh
# JuNest's command line: what a backend is started with, exit codes, messages, wrappers, sessions.
. "$(dirname -- "$0")/tap.sh"
needs_x86_64

home="$place/a home"
image="$home/an image"
mkdir -p "$home" "$rootfs/etc/junest" "$rootfs/usr/bin"
for name in cat env printf sh; do ln -s /bin/busybox "$rootfs/usr/bin/$name"; done
echo JUNEST_ARCH=x86_64 >"$rootfs/etc/junest/info"
cp -a "$rootfs" "$image"
cat >"$place/recorder" <<'END'
#!/bin/sh
printf 'JUNEST_ENV=%s PATH=%s\n' "$JUNEST_ENV" "$PATH"
printf '<%s>\n' "$@"
exit ${RECORDER_STATUS:-0}
END
chmod 755 "$place/recorder"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$home"
user=$(as_user id -u)

# junest WORD...: as an ordinary user; sets $status, $out and $err.
junest() {
  captured as_user env HOME="$home" JUNEST_HOME="$image" ${set:+"$set"} \
    timeout -k 5 60 "$nestp" junest "$@"
}
# records NAME WANTED WORD...: the backend's words, joined by a blank.
records() {
  name=$1 wanted=$2
  shift 2
  junest "$@"
  is "$(sed 1d "$place/out" | tr '\n' ' ')" "$wanted "
  point "$name"
}

run_user=/run/user/$user
common="<--bind> <$image> </> <--bind> <$home> <$home> <--bind> </tmp> </tmp> <--bind> </sys> </sys>"
common="$common <--bind> </proc> </proc> <--dev-bind-try> </dev> </dev> <--bind-try> <$run_user> <$run_user>"
common="$common <--unshare-user-try>"
[ -e "$run_user" ] && binds="<-b> <$run_user> " || binds=
binds="$binds<-b> <$home> <-b> </tmp> <-b> </proc> <-b> </sys> <-b> </dev>"
shell='</bin/sh> <--login>'
by="--backend-command $place/recorder"
# shellcheck disable=SC2086
{
  records 'no action is ns' "$common $shell" ns $by
  records 'ns: a command' "$common $shell <-c> <ls -l>" n $by ls -l
  records 'ns: after --' "$common $shell <-c> <setup>" ns $by -- setup
  records 'ns: -f' "$common <--cap-add> <ALL> <--uid> <0> <--gid> <0> <sudo> $shell" ns $by -f
  records 'ns: -b' "$common <--tmpfs> </a b> $shell <-c> <true>" ns $by -b "--tmpfs '/a b'" true
  records 'ns: the last -b counts' "$common <--y> $shell" ns $by -b --x -b --y
  records 'ns: options end at the command' "$common $shell <-c> <ls -f>" ns $by ls -f
  records 'ns: an empty word is a shell' "$common $shell" ns $by -- ''
  records 'words with blanks' "$common $shell <-c> <echo \"a b\" \$HOME && x>" ns $by echo 'a b' \
    '$HOME' '&&' x
  records 'words with quotes' "$common $shell <-c> <echo 'it'\\''s' '' '\"'>" ns $by echo "it's" '' '"'
  records 'proot' "$binds <-r> <$image> $shell" proot $by
  records 'p -f -b' "<-0> $binds <-r> <$image> <-k> <4.4> $shell <-c> <id>" p $by -f -b '-k 4.4' -- id
  records 'groot' "$binds <-r> <$image> $shell <-c> <id>" groot $by -b -r id
  records 'root' "<--userspec=1:2> <$image> $shell" r $by --backend-args --userspec=1:2
  junest ns $by
  is "$(head -n 1 "$place/out")" 'JUNEST_ENV=1 PATH='
  point 'ns: environment'
  junest ns -f $by
  is "$(head -n 1 "$place/out")" 'JUNEST_ENV=1 PATH=/usr/bin'
  point 'ns -f: environment'
  set=RECORDER_STATUS=43
  for action in ns proot groot root; do
    junest $action $by -- false
    is "$status" 43 && is "$(grep -c JUNEST_ENV "$place/out")" 1
    point "$action: the status, and one start"
  done
  set=
}

junest --help
is "$status" 0 && printf '%s' "$out" | grep -q create-bin-wrappers
point 'help'
junest -V and more
is "$status" 0 && printf '%s' "$out" | grep -q nestp
point 'version'
for words in 'ns -x' 'ns -fn' 'ns --backend-args=x' 'groot -f' 'root -f' 'setup x' 'build -x' \
  'create-bin-wrappers x' 'ns -h' 'proot --arch arm'; do
  # shellcheck disable=SC2086
  junest $words
  wrong 1 'is no option' "wrong: $words"
done
for words in 'ns -b' 'setup -i' 'create-bin-wrappers -p'; do
  # shellcheck disable=SC2086
  junest $words
  wrong 1 'needs a value' "wrong: $words"
done
junest ns -b "'x" true
wrong 1 'has no end' 'wrong: quotes of -b'
junest ns -b --nonsense true
wrong 1 'of bubblewrap is unknown' 'wrong: an option of bubblewrap'
set=JUNEST_ENV=1
junest true
wrong 106 'around this one' 'a session inside a session is 106'
set=JUNEST_ENV=x
junest proot true
wrong 107 'JUNEST_ENV' 'a bad JUNEST_ENV is 107'
set=JUNEST_ENV=0
junest proot true
is "$status" 0
point 'JUNEST_ENV=0 is none'
set="JUNEST_HOME=$place/none"
junest true
wrong 1 'junest setup' 'no image'
set=
junest groot true
wrong 110 'only root' 'groot is for root'
junest root true
wrong 1 'only root' 'root is for root'
if [ "$(id -u)" = 0 ]; then
  captured env HOME="$home" JUNEST_HOME="$image" "$nestp" junest proot true
  wrong 105 'not for root' 'proot as root is 105'
  mounts=$(cat /proc/mounts)
  status=0
  env HOME="$home" JUNEST_HOME="$image" "$nestp" junest groot -- sh -c 'test -d /proc/self; exit 7' || status=$?
  is "$status" 7 && is "$(cat /proc/mounts)" "$mounts"
  point 'groot: runs, and leaves no mount'
  status=0
  env HOME="$home" JUNEST_HOME="$image" "$nestp" junest root -- 'echo >>/ran; exit 3' || status=$?
  is "$status" 127
  env HOME="$home" JUNEST_HOME="$image" "$nestp" junest root -- echo '>>/ran;' exit 3 || status=$?
  is "$status" 3 && is "$(wc -l <"$image/ran")" 1
  point 'root: a failing command runs once'
fi
echo JUNEST_ARCH=arm >"$image/etc/junest/info"
junest ns true
wrong 104 'for arm' 'another architecture is 104'
if [ ! -e /usr/bin/qemu-arm ] && [ ! -e /usr/bin/qemu-arm-static ]; then
  junest proot true
  wrong 1 'qemu-arm-static' 'an emulator that is missing is named'
fi
mkdir -p "$image/opt/qemu" && : >"$image/opt/qemu/qemu-arm-static-x86_64"
records 'an emulator of the image' "<-q> <$image/opt/qemu/qemu-arm-static-x86_64> $binds <-r> <$image> $shell" \
  proot --backend-command "$place/recorder"
echo JUNEST_ARCH=x86_64 >"$image/etc/junest/info"

rm "$image/bin/sh"
printf '#!/bin/busybox sh\ncase $1 in --*) echo Illegal option >&2; exit 2 ;; esac\nexec /bin/busybox sh "$@"\n' >"$image/bin/sh"
chmod 755 "$image/bin/sh"
for mode in ns proot 'proot -f'; do
  # shellcheck disable=SC2086
  junest $mode -- echo here
  is "$out" here && is "$status" 0
  point "$mode: a /bin/sh without long options, as Debian's"
done
rm "$image/bin/sh" && ln -s busybox "$image/bin/sh"
junest proot -- exit 42
is "$status" 42
point 'proot: status'
junest proot -- echo '$JUNEST_ENV' '"x  y"' '&&' id -u
is "$out" "1 \"x  y\"
$user"
point 'proot: the login shell evaluates'
junest ns -- cat /etc/passwd '>' "$home/passwd"
is "$status" 0 && grep -q "^[^:]*:[^:]*:$user:" "$home/passwd" && grep -q '^root:' "$home/passwd"
point 'files of /etc: the user is known, the image keeps its own'
junest ns -- cd /etc '&&' 'pwd'
is "$out" /etc && is "$status" 0
point 'ns'
(cd "$home" && as_user env HOME="$home" JUNEST_HOME="$image" "$nestp" junest ns -- pwd) >out
is "$(cat out)" "$home"
point 'ns: the working directory stays'
junest ns -b "--unshare-pid --unshare-uts --hostname inside --proc /proc --tmpfs /opt --setenv A 'b c'" -- \
  hostname '&&' ls /opt '&&' echo '$A' '&&' echo '$$'
is "$status" 0 && printf '%s' "$out" | grep -q '^inside' && printf '%s' "$out" | grep -q '^b c'
point 'ns: bubblewrap options in-process'
junest ns -f -- id -u '&&' touch /new '&&' chown 5:6 /new '&&' mknod /node c 1 3
is "$status" 0 && is "$out" 0
[ "$status" = 0 ] && [ -e "$image/new" ]
point 'ns -f: a package manager may give files away'
before=$(date +%s)
junest ns -- '(sleep' 4 '>/dev/null' '2>&1)' '&'
is "$status" 0 && [ $(($(date +%s) - before)) -lt 4 ]
point 'ns: a daemon does not hold its caller'

mkdir -p "$home/.config/nestp" "$place/data" && echo content >"$place/data/file" && chmod -R a+rX "$place/data" "$home/.config"
printf 'bind = %s:/mnt/data\nenv = COMMON=yes\n' "$place/data" >"$home/.config/nestp/settings"
for mode in ns proot; do
  junest $mode -- cat /mnt/data/file '&&' echo '$COMMON'
  is "$out" 'content
yes'
  point "$mode: what the person's settings bind"
done
rm -r "$home/.config"

wrappers=$image/usr/bin_wrappers
[ -h "$wrappers/cat" ] && is "$(readlink "$wrappers/cat")" ../../usr/bin/junest_wrapper && [ ! -e "$wrappers/junest_wrapper" ]
point 'wrappers are relative links'
cat >expected <<'END'
<a b><it's "q"><$HOME `x` \><><*><;>
END
for mode in ns proot 'ns --fakeroot'; do
  as_user env HOME="$home" JUNEST_ARGS="$mode" PATH="$wrappers:$PATH" printf '<%s>' 'a b' "it's \"q\"" \
    '$HOME `x` \' '' '*' ';' >out
  echo >>out
  cmp -s out expected || { cat out; false; }
  point "a wrapper keeps its words: $mode"
done
as_user env HOME="$home" "$wrappers/printf" '<%s>' 'two
lines' >out
is "$(cat out)" '<two
lines>'
point 'a wrapper keeps a newline'
mv "$image" "$home/moved"
as_user env HOME="$home" JUNEST_ENV= "$home/moved/usr/bin_wrappers/cat" /etc/junest/info >out 2>err
is "$(cat out)" JUNEST_ARCH=x86_64
point 'wrappers move with their image'
mv "$home/moved" "$image"
mkdir -p "$image/opt/tools" && printf '#!/bin/sh\necho tool "$1"\n' >"$image/opt/tools/tool"
chmod 755 "$image/opt/tools/tool"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$image/opt"
junest create-bin-wrappers -p /opt/tools
is "$status" 0 && is "$(as_user env HOME="$home" "$image/opt/tools_wrappers/tool" 'x y')" 'tool x y'
point 'wrappers of another directory'
rm "$image/usr/bin/env" && ln -s /bin/busybox "$image/usr/bin/tac"
junest proot true
[ ! -e "$wrappers/env" ] && [ ! -h "$wrappers/env" ] && [ -h "$wrappers/tac" ]
point 'wrappers follow what is installed'
rm "$wrappers/cat" && echo mine >"$wrappers/cat"
junest create-bin-wrappers && is "$(cat "$wrappers/cat")" mine && junest create-bin-wrappers -f && [ -h "$wrappers/cat" ]
point 'create-bin-wrappers --force'
as_user env HOME="$home" JUNEST_HOME="$image" PATH="$PATH" "$nestp" sudoj tac "$image/etc/junest/info" >out
is "$(cat out)" JUNEST_ARCH=x86_64
point 'sudoj'
chmod 555 "$image/usr" "$image/usr/bin" "$image/usr/bin_wrappers" "$image/etc"
touch "$image/usr/bin"
junest proot -- exit 44
is "$status" 44
point 'an image that cannot be written keeps the status'
chmod 755 "$image/usr" "$image/usr/bin" "$image/usr/bin_wrappers" "$image/etc"
ln -s "$nestp" "$place/junest"
is "$(as_user env HOME="$home" JUNEST_HOME="$image" "$place/junest" proot -- echo x)" x
point 'by the name junest'
done_testing
