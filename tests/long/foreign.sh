#!/bin/sh
# A Debian of another processor from nothing, by an ordinary user: the second stage of debootstrap
# under nestp -0 and QEMU, then apt-get, a compiler, python3, perl and git.
#
#   foreign.sh NESTP ARCH...        prints TAP; ARCH is arm64, armhf, riscv64, ...
#
# Behind each point stand its seconds, and those of real root in a chroot with binfmt_misc, where
# the kernel (Linux 6.7) lets a user namespace have a binfmt_misc of its own.
#
# Needs root (for the first stage, and to compare), qemu-user-static and the network.
set -u
here=$(cd "$(dirname "$0")" && pwd)
architecture=${2:?usage: foreign.sh NESTP ARCH...}
. "$here/../rootfs/lib.sh"
nestp=$(absolute "$1")
shift
cache=${NESTP_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/nestp-tests}
[ "$(id -u)" = 0 ] || skip_all 'the first stage of debootstrap needs root'
command -v debootstrap >/dev/null || PATH=$PATH:/usr/sbin
command -v debootstrap >/dev/null || skip_all 'no debootstrap'
mkdir -p "$cache/packages"
base=$(mktemp -d "${TMPDIR:-/tmp}/nestp-foreign.XXXXXX") || exit 1
trap 'chmod -R u+rwX "$base" 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$base"
cp "$nestp" "$base/nestp"
chown $user:$user "$base"
environment='HOME=/root LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive'

# fake SCRIPT: by the ordinary user, as fake root.
fake() {
  # shellcheck disable=SC2086  # words
  (cd "$base" && as_user env HOME=/tmp timeout -k 5 2400 ./nestp -0 ${options-} -r "$copy" -b /dev -b /proc \
    -b /sys -b /etc/resolv.conf -w / /usr/bin/env -i $environment sh -ec "$1") \
    >"$base/output" 2>&1 </dev/null
}

# What runs in the user namespace: ROOT BINFMT WORD...
cat >"$base/enter" <<'END'
until grep -q . /proc/self/uid_map && grep -q . /proc/self/gid_map; do sleep 0.05; done
exec sh -c '
  root=$1 binfmt=$2
  shift 2
  mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && printf %s "$binfmt" >/proc/sys/fs/binfmt_misc/register ||
    exit 70
  mount -t tmpfs none "$root/dev" && mkdir "$root/dev/pts" "$root/dev/shm"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"
  done
  ln -s /proc/self/fd "$root/dev/fd"
  mount -t proc proc "$root/proc" && exec timeout -k 5 2400 chroot "$root" /usr/bin/env -i "$@"' sh "$@"
END

# real SCRIPT: by root in a chroot; 70: binfmt_misc is not to be had.
real() {
  # shellcheck disable=SC2086  # words
  unshare -U -m -p -f --kill-child --propagation private sh "$base/enter" "$base/real" \
    "$binfmt" $environment sh -ec "$1" >"$base/real.output" 2>&1 </dev/null &
  process=$!
  # A process that has not yet made the namespace takes no map.
  for map in gid_map uid_map; do
    tries=0
    until echo 0 0 4294967295 2>/dev/null >/proc/$process/$map || [ $tries = 50 ]; do
      sleep 0.1
      tries=$((tries + 1))
    done
  done
  wait $process
}

# check NAME SCRIPT: the shell script must end with 0 inside.
check() {
  sync  # what was written before is not to be waited for by dpkg's fsync(2)
  start=$(date +%s)
  fake "$2"
  result=$? seconds=$(($(date +%s) - start))
  told="real root with binfmt_misc could not be measured"
  if [ -n "$binfmt" ]; then
    sync
    start=$(date +%s)
    real "$2" && told="real root: $(($(date +%s) - start)) s" || told="real root failed"
    [ "$told" != 'real root failed' ] || tail -n 3 "$base/real.output" | sed 's/^/# /'
  fi
  report $result "$1 ($seconds s; $told)"
}

for architecture in "$@"; do
  # riscv64 came with the release after the one that the other tests use.
  case $architecture in riscv64) release=trixie ;; *) release=bookworm ;; esac
  case $architecture in
    arm64) machine=aarch64 ;;
    armhf) machine=arm ;;
    ppc64el) machine=ppc64le ;;
    *) machine=$architecture ;;
  esac
  copy=$base/$architecture
  rm -rf "$base/real"
  debootstrap --foreign --variant=minbase --arch="$architecture" --cache-dir="$cache/packages" \
    "$release" "$copy" ${NESTP_TEST_MIRROR:+"$NESTP_TEST_MIRROR"} >"$base/output" 2>&1 ||
    { skip "$architecture" "debootstrap: $(tail -n 1 "$base/output")"; continue; }
  rm -rf "$copy"/dev/*
  # Where it believes to be in Docker, debootstrap makes /proc a link to itself, under which the
  # emulators of 32-bit processors search for room by trying: half a second for each program.
  [ ! -L "$copy/proc" ] || { rm "$copy/proc" && mkdir "$copy/proc"; }
  cp -a "$copy" "$base/real"
  cp /etc/resolv.conf "$base/real/etc/"
  # No device can be made in a user namespace: they are bound there.
  echo 'check_sane_mount() { :; }' >>"$base/real/debootstrap/functions"
  # The kernel opens the emulator at once (F), so that the chroot needs none.
  binfmt=$(sed 's/:[A-Z]*$/:OPF/' "/usr/lib/binfmt.d/qemu-$machine.conf" 2>/dev/null)
  if [ -n "$binfmt" ] && ! real 'true'; then binfmt=; fi
  chown -R -h $user:$user "$copy"
  check "$architecture: the second stage" '/debootstrap/debootstrap --second-stage'
  check "$architecture: apt-get installs a compiler and more" '
    apt-get update
    apt-get install -y --no-install-recommends gcc libc6-dev python3-minimal git ca-certificates'
  check "$architecture: a program is compiled and runs" '
    cd /tmp; printf "#include <stdio.h>\nint main(void) { puts(\"compiled\"); }\n" >t.c
    gcc -o t t.c; test "$(./t)" = compiled'
  check "$architecture: threads, signals and vfork" '
    cd /tmp; cat >p.c <<"END"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int count;
static volatile sig_atomic_t caught;
static void catch(int number) { caught += number; }
static void* add(void* nothing) {
  for (int i = 0; i < 1000; ++i) {
    pthread_mutex_lock(&lock);
    count += access("/etc/passwd", F_OK) == 0;
    pthread_mutex_unlock(&lock);
  }
  return nothing;
}
int main(void) {
  signal(SIGUSR1, catch);
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, add, NULL);
  pthread_kill(threads[2], SIGUSR1);
  kill(getpid(), SIGUSR1);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  int status = 0;
  const pid_t child = vfork();
  if (child == 0) { execl("/bin/sh", "sh", "-c", "kill -TERM $$", NULL); _exit(1); }
  waitpid(child, &status, 0);
  printf("%d %d %d\n", count, caught >= SIGUSR1, WIFSIGNALED(status) ? WTERMSIG(status) : -1);
}
END
    gcc -pthread -o p p.c; test "$(./p)" = "4000 1 15"'
  check "$architecture: python3 and perl start, git clones" '
    python3 -c "import platform, os; assert os.uname().machine == platform.machine()"
    perl -e "print 1"; cd /tmp; git init -q one; cd one; echo x >f; git add f
    git -c user.email=a@b -c user.name=a commit -qm first; cd ..; git clone -q one two; cmp one/f two/f'
  options='-k 4.20' fake 'test "$(uname -r)" = 4.20; chown 33:34 /tmp/t; chmod 4751 /tmp/t
    test "$(stat -c "%u %g %a" /tmp/t)" = "33 34 4751"'
  report $? "$architecture: owners are kept under another kernel name"
  chmod -R u+rwX "$copy"
  rm -rf "$copy"
done
finish
