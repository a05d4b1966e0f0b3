#!/bin/sh
# Where user namespaces, or tracing, or both are forbidden; inside a user namespace; in a home that
# cannot be written, on a full disk: what works works, what does not says why.
#
#   forbidden.sh NESTP FORBID
forbid=$(realpath -- "$2")
. "$(dirname -- "$0")/tap.sh"
needs_x86_64
cp "$forbid" "$place/forbid"
run --backend=namespace -r "$rootfs" -w / true
[ "$status" = 0 ] && namespaces=yes || { namespaces=no; echo "# no namespaces for ordinary users here: $err"; }

home=$place/home
mkdir -p "$home/.local/share/nestp/environments/env" "$rootfs/etc/junest" "$rootfs/usr/bin"
echo JUNEST_ARCH=x86_64 >"$rootfs/etc/junest/info"
ln -sf /bin/busybox "$rootfs/usr/bin/id"
cp -a "$rootfs" "$home/.junest"
cp -a "$rootfs" "$home/.local/share/nestp/environments/env/root"
: >"$home/.local/share/nestp/environments/env/settings"
[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$home"

# in_place PLACE WORD...: nestp as an ordinary user in that place; sets $status, $out and $err.
in_place() {
  # shellcheck disable=SC2086
  case $1 in
    free) around= ;;
    no_namespaces) around="$place/forbid namespaces --" ;;
    no_tracing) around="$place/forbid ptrace --" ;;
    neither) around="$place/forbid namespaces ptrace --" ;;
    in_namespace) around='unshare -U -c' ;;
    no_more_namespaces) around=$place/no_more ;;
  esac
  shift
  # shellcheck disable=SC2086
  captured as_user env -i HOME="$home" PATH="$PATH" $around timeout -k 5 60 "$nestp" "$@"
}
cat >"$place/no_more" <<'END'
#!/bin/sh
exec unshare -U -c --keep-caps sh -c 'echo 0 >/proc/sys/user/max_user_namespaces || exit 99
  exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"' sh "$@"
END
chmod 755 "$place/no_more"
works() { # NAME WANTED
  { is "$status" 0 && is "$out" "$2"; } || { echo "# said: $err"; false; }
  point "$1"
}
fails_because() { # PATTERN NAME
  { is "$status" 125 && is "$out" '' && is "$(wc -l <"$place/err")" 1 && printf '%s' "$err" | grep -qE "$1"; } ||
    { echo "# said: $status $err"; false; }
  point "$2"
}
user=$(as_user id -u)

places='no_namespaces'
if [ $namespaces = yes ]; then
  places="free $places no_tracing"
  as_user "$place/no_more" true 2>/dev/null && places="$places in_namespace no_more_namespaces" ||
    echo '# skipped, unshare(1) cannot forbid namespaces'
fi
for at in $places; do
  in_place "$at" -r "$rootfs" -w / cat /etc/os-release
  works "$at: nestp" "$(cat "$rootfs/etc/os-release")"
  in_place "$at" junest -- id -u
  works "$at: junest" "$user"
  in_place "$at" junest -f -- id -u '&&' touch /tmp/x '&&' chown 1:1 /tmp/x
  works "$at: junest -f" 0
  in_place "$at" enter env id -u
  works "$at: enter" "$user"
  in_place "$at" doctor --json
  { is "$status" 0 && printf '%s' "$out" | grep -q '"backend ptrace"'; } || { echo "# $err"; false; }
  point "$at: doctor"
done

for at in no_namespaces no_more_namespaces; do
  case " $places " in *" $at "*) ;; *) continue ;; esac
  in_place "$at" --backend=namespace -r "$rootfs" -w / true
  fails_because 'namespace' "$at: --backend=namespace says why"
  in_place "$at" junest -- true
  printf '%s' "$err" | grep -q 'Entering by tracing instead'
  point "$at: junest says that it traces"
  in_place "$at" boot --user --init /bin/true "$rootfs"
  is "$status" 125 && printf '%s' "$err$out" | grep -q 'namespace'
  point "$at: boot --user says why"
done
in_place neither -r "$rootfs" -w / true
fails_because 'ptrace|trac' 'neither: nestp says why'
in_place neither junest -- true
[ "$status" != 0 ] && printf '%s' "$err" | grep -qE 'trac'
point 'neither: junest says why'
in_place neither doctor
printf '%s\n' "$out" | grep -qE '^(no|bad|fail).*backend ptrace|backend ptrace.*(not|forbid|refus)'
point 'neither: doctor names it'
in_place no_tracing --backend=ptrace -r "$rootfs" -w / true
fails_because 'ptrace|trac' 'no_tracing: --backend=ptrace says why'

if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
  echo '# skipped, a read-only home and a full disk need root'
  done_testing
  exit 0
fi
# mounted SCRIPT WORD...: nestp as an ordinary user in a mount namespace in which SCRIPT has run.
mounted() {
  script=$1
  shift
  captured env place="$place" home="$home" unshare -m sh -c "$script"'
    exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME="$home" PATH="$PATH" \
      TMPDIR="$home" JUNEST_TEMPDIR="$home" timeout -k 5 60 "$@"' sh "$nestp" "$@"
}
read_only='mount --bind "$home" "$home" && mount -o remount,bind,ro "$home" || exit 99;'
mounted "$read_only" -r "$rootfs" -w / id -u
works 'read-only home: nestp' "$user"
mounted "$read_only" junest -- id -u
works 'read-only home: junest' "$user"
mounted "$read_only" junest proot -- exit 7
is "$status" 7
point 'read-only home: the status is the command'"'"'s'
mounted "$read_only" enter env id -u
works 'read-only home: enter' "$user"
mounted "$read_only" install "$rootfs" new
[ "$status" != 0 ] && printf '%s' "$err" | grep -q 'Read-only file system'
point 'read-only home: install says why'

small='mount -t tmpfs -o size=900k,mode=777 none "$home" || exit 99;'
head -c 3000000 /dev/urandom >"$rootfs/filler"
tar -C "$rootfs" -cf "$place/image.tar" . && chmod a+r "$place/image.tar"
mounted "$small"'"$1" -r "'"$rootfs"'" -w / true || exit 98;' -r "$rootfs" -w / id -u
works 'full disk: nestp' "$user"
mounted "$small" junest setup -i "$place/image.tar"
is "$status" 1 && printf '%s' "$err" | grep -q 'No space left on device.*nothing was installed' || { echo "# $err"; false; }
point 'full disk: junest setup says why'
mounted "$small" install "$place/image.tar" new
[ "$status" != 0 ] && printf '%s' "$err" | grep -q 'No space left on device (make room there, or' || { echo "# $err"; false; }
point 'full disk: install says why'
cat >"$place/twice" <<END
#!/bin/sh
"$nestp" junest setup -i "$place/image.tar" >/dev/null 2>&1
"$nestp" install "$place/image.tar" new >/dev/null 2>&1
find "\$HOME" -name filler -o -name '*.unfinished' -o -name '.new-*'
END
chmod 755 "$place/twice"
out=$(place=$place home=$home unshare -m sh -c "$small"'
  exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME="$home" PATH="$PATH" "$place/twice"')
is "$out" ''
point '... and both leave nothing'
done_testing
