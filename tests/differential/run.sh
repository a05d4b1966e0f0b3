#!/bin/sh
# Compares nestp with a real chroot: random path operations, the same ones in both.
#
#   run.sh NESTP ENTER_CHROOT PATH_STORM PRINT_STATIC [SEED...]
#
# Each seed is COUNT operations (4000) in a view of seven bindings, once in a chroot with bind
# mounts and once under nestp, both as an ordinary user.  What they print and the trees they leave
# must be equal, but for what compare.py lets pass and prints.  Prints TAP.
# Without seeds: five, one of them new at each run but where CI is set.
# LONG=1 goes on with new seeds for HOURS (2) hours.
# PLAIN=1 leaves the bindings out, as most people do: then the fast path answers most.
# AS_ROOT=1 compares real root in the chroot with nestp -0 of an ordinary user.
# NESTP may be -: two chroots are compared, which shows that the storm depends on the seed alone.
# KEEP=DIR keeps the outputs of both there; NESTP_LOG and NESTP_TEST_OPTIONS (more options) go
# through to nestp.
set -u

if [ $# -lt 4 ]; then
  echo "usage: run.sh NESTP ENTER_CHROOT PATH_STORM PRINT_STATIC [SEED...]" >&2
  exit 2
fi
absolute() { case $1 in /* | -) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
nestp=$(absolute "$1") enter=$(absolute "$2") storm=$(absolute "$3") print=$(absolute "$4")
shift 4
compare=$(dirname -- "$(absolute "$0")")/compare.py
count=${COUNT:-4000}
user=65534
# Who the storm is in the chroot, and whose all files are there and under nestp.
chroot_user=$user identity=
# Root could move what holds mount points, were these none themselves.
tied= devices=/dev
if [ -n "${AS_ROOT-}" ]; then
  chroot_user=0 identity=-0 tied="work bind" devices=/dev/null
  [ "$nestp" != - ] || user=0
fi

if [ "$(id -u)" != 0 ]; then
  echo "1..0 # SKIP a real chroot needs root"
  exit 0
fi
if ! unshare -m true 2>/dev/null; then
  echo "1..0 # SKIP a real chroot needs mount namespaces"
  exit 0
fi

base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-storm.XXXXXX") || exit 1
trap 'chmod -R u+rwx "$base" 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$base"
[ "$nestp" = - ] || cp "$nestp" "$base/nestp" || exit 1

# $1: where, $2: whose.  The root, /bind and what holds programs belong to root, so that mount points cannot
# be moved by moving what holds them.
make_view() {
  mkdir -p "$1/root/bin" "$1/root/programs" "$1/root/dev" "$1/root/proc" "$1/root/work/mounted" \
    "$1/root/bind/dir" "$1/root/bind/again" "$1/root/bind/ro" "$1/host/dir/nested" \
    "$1/host/nested" "$1/host/ro/a/b" "$1/host/mounted" || return 1
  : >"$1/root/bind/file"
  cp "$storm" "$1/root/bin/storm" && cp "$print" "$1/root/programs/print_static" || return 1
  echo 'a bound file' >"$1/host/file"
  echo 'read only' >"$1/host/ro/file"
  cp "$print" "$1/host/ro/program"
  ln -s /work/a "$1/host/ro/link"
  ln -s ../file "$1/host/ro/a/link"
  chown -R -h $2:$2 "$1/host" "$1/root/work"
  [ -n "$identity" ] || return 0
  : >"$1/root/dev/null"
  cp "$storm" "$1/root/bin/list" && ln -s /proc/self/fd "$1/root/dev/fd" || return 1
  # Records of owners may be beside the root.
  chown -R -h $2:$2 "$1/root" && chown $2:$2 "$1"
}

# $1: where, $2: program and its words.
in_chroot() {
  root=$1/root host=$1/host words=$2
  plain=${PLAIN-}
  export root host enter words chroot_user tied plain
  unshare -m --propagation private sh -c '
    set -e
    mount --bind "$root" "$root"
    for place in $tied; do mount --bind "$root/$place" "$root/$place"; done
    if [ -n "$tied" ]; then
      # What real root does to the null device must not happen to the host.
      if [ ! -c "$root/dev/null" ]; then
        rm -f "$root/dev/null"
        mknod -m 666 "$root/dev/null" c 1 3
      fi
      mount --bind "$root/dev/null" "$root/dev/null"
    else
      mount --rbind /dev "$root/dev"
    fi
    mount --rbind /proc "$root/proc"
    if [ -z "$plain" ]; then
      mount --bind "$host/dir" "$root/bind/dir"
      mount --bind "$host/nested" "$root/bind/dir/nested"
      mount --bind "$host/dir" "$root/bind/again"
      mount --bind "$host/ro" "$root/bind/ro"
      mount -o remount,bind,ro "$root/bind/ro"
      mount --bind "$host/file" "$root/bind/file"
      mount --bind "$host/mounted" "$root/work/mounted"
    fi
    cd /
    exec env -i timeout -k 5 600 "$enter" "$root" $chroot_user /work /bin/$words'
}

in_nestp() {
  if [ "$nestp" = - ]; then
    in_chroot "$@"
    return
  fi
  ties=
  for place in $tied; do ties="$ties -b $1/root/$place:/$place"; done
  within=$1 words=$2
  set --
  [ -n "${PLAIN-}" ] ||
    set -- -b "$within/host/dir:/bind/dir" -b "$within/host/nested:/bind/dir/nested" \
      -b "$within/host/dir:/bind/again" --ro-bind "$within/host/ro:/bind/ro" \
      -b "$within/host/file:/bind/file" -b "$within/host/mounted:/work/mounted"
  (cd / && env -i PATH=/bin ${NESTP_LOG:+NESTP_LOG="$NESTP_LOG"} timeout -k 5 1200 \
    setpriv --reuid=$user --regid=$user --clear-groups \
    "$base/nestp" ${NESTP_TEST_OPTIONS-} $identity -r "$within/root" $ties -b $devices -b /proc "$@" \
    -w /work /bin/$words)
}

# What is left on the host: kind, mode, links, size (not of directories) and name.  Root's modes
# are in records: for it a second run of the storm's program says what it sees.
list_tree() {
  (cd "$1" && find . -type d -printf '%y %m - - %P\n' -o -printf '%y %m %n %s %P %l\n' | sort -k 5)
}

one_seed() {
  rm -rf --one-file-system "$base/chroot" "$base/nested"
  make_view "$base/chroot" $chroot_user && make_view "$base/nested" $user || return 1
  in_chroot "$base/chroot" "storm $1 $count${identity:+ root}" >"$base/chroot.out" 2>&1
  in_nestp "$base/nested" "storm $1 $count${identity:+ root}" >"$base/nested.out" 2>&1
  result=$?
  if [ -n "$identity" ]; then
    in_chroot "$base/chroot" "list list" >"$base/chroot.tree" 2>&1
    in_nestp "$base/nested" "list list" >"$base/nested.tree" 2>&1
  else
    list_tree "$base/chroot" >"$base/chroot.tree"
    list_tree "$base/nested" >"$base/nested.tree"
  fi
  if [ -n "${KEEP-}" ]; then
    mkdir -p "$KEEP"
    cp "$base"/*.out "$base"/*.tree "$KEEP"
  fi
  if ! cmp -s "$base/chroot.tree" "$base/nested.tree"; then
    echo "# nestp ended with status $result; the trees differ"
    diff -a "$base/chroot.tree" "$base/nested.tree" | head -n 10 | cut -c 1-300 | sed 's/^/# tree /'
    result=1
  fi
  cmp -s "$base/chroot.out" "$base/nested.out" ||
    python3 "$compare" "$base/chroot.out" "$base/nested.out" "$count" || result=1
  return $result
}

number=0
failed=0
try_seed() {
  number=$((number + 1))
  if one_seed "$1"; then
    echo "ok $number - seed $1, $count operations"
  else
    failed=$((failed + 1))
    echo "not ok $number - seed $1, $count operations"
  fi
}

new_seed() { od -An -N4 -tu4 /dev/urandom | tr -d ' '; }

if [ -n "${LONG-}" ]; then
  end=$(($(date +%s) + ${HOURS:-2} * 3600))
  while [ "$(date +%s)" -lt $end ]; do try_seed "$(new_seed)"; done
else
  if [ $# = 0 ]; then
    # What is to decide on a change must not change by itself.
    if [ -n "${CI-}" ]; then set -- 1 2 3 4 5; else set -- 1 2 3 4 "$(new_seed)"; fi
  fi
  for seed in "$@"; do try_seed "$seed"; done
fi
echo "1..$number"
[ $failed = 0 ]
