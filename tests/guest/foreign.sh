#!/bin/sh
# Programs of other processors, run by QEMU's user emulation: what they are told, and what is said
# where there is no emulator.
#
#   foreign.sh NESTP PRINT_DYNAMIC FOREIGN...        prints TAP
#
# PRINT_DYNAMIC: built from programs/print_self.cc with a dynamic linker, or "-".
# FOREIGN: foreign_MACHINE, built from programs/foreign_self.cc.
set -u
. "$(dirname "$0")/../support/busybox_guest.sh"
print_dynamic=$2
shift 2
mkdir -p "$root/opt/qemu" "$base/emulators" "$root/usr/bin"
for foreign in "$@"; do
  machine=${foreign##*foreign_}
  command -v "qemu-$machine-static" >/dev/null || {
    echo "1..0 # SKIP no qemu-$machine-static"
    exit 0
  }
  cp "$foreign" "$root/bin/"
done
printf '#!/bin/foreign_aarch64 cat\nfirst\n' >"$root/work/script"
chmod 755 "$root/work/script"
own

# The emulators are looked for in PATH, which else is the guest's.
with_path() {
  path=$1
  shift
  (cd "$base" && as_user timeout -k 5 60 env -i PATH="$path" \
    ${NESTP_LOG:+NESTP_LOG="$NESTP_LOG"} ./nestp -r "$root" -b /dev -b /proc -w /work --env PATH=/bin "$@" </dev/null)
}
found() { with_path /usr/bin:/bin "$@"; }

for foreign in "$@"; do
  machine=${foreign##*foreign_}
  shown=$machine
  [ "$machine" != arm ] || shown=armv7l
  says "$machine: chosen by the header" "arg foreign_$machine
arg a b
variable LD_PRELOAD=x,y
execfn /bin/foreign_$machine
exe /bin/foreign_$machine
release 4.20
machine $shown" found -k 4.20 --env LD_PRELOAD=x,y "foreign_$machine" 'a b'
  says "$machine: runs a native program" 'native' \
    found "foreign_$machine" exec /bin/busybox echo native
  # Bytes beyond text: only that it is the processor's own.
  first=$(found "foreign_$machine" cat /proc/cpuinfo | head -n 3 | grep -c -e ARMv7 -e asimd -e rv64)
  [ "$first" = 1 ]
  report "$machine: /proc/cpuinfo is of its processor"
done

says 'a script of a foreign interpreter' '#!/bin/foreign_aarch64 cat
first' found ./script
says 'argv[0] is the one that was given' 'arg other
arg 1' found sh -c '
  foreign_aarch64 exec /bin/foreign_aarch64 other 1 | grep ^arg'
says 'a native program sees the words of the foreign one' '/bin/foreign_aarch64 cat hold' found sh -c '
  mkfifo hold
  /bin/foreign_aarch64 cat hold &
  until grep -qa "^/bin/foreign" /proc/$!/cmdline; do sleep 0.1; done
  tr "\0" " " </proc/$!/cmdline | sed "s/ $//"; echo >hold; wait; rm hold'
says 'by -q, with an option of its own' 'machine aarch64' \
  found -q 'qemu-aarch64-static -cpu cortex-a53' sh -c 'foreign_aarch64 | grep machine'
says '-q of another machine does not get it' 'machine aarch64' \
  found -q qemu-arm-static sh -c 'foreign_aarch64 | grep machine'
says 'without an emulator its package is named' \
  "nestp: \"/bin/foreign_arm\" is a program for arm and this machine runs x86_64 and i386; install \
the package that holds qemu-arm-static (qemu-user-static of Debian), or name an emulator by -q" \
  with_path /nowhere foreign_arm
says 'the same for -q' \
  'nestp: emulator "qemu-arm-static" is not in PATH; install the package that holds qemu-arm-static (qemu-user-static of Debian), or name an emulator by -q' \
  with_path /nowhere -q qemu-arm-static true
with_path /nowhere sh -c 'foreign_arm' >"$base/output" 2>&1
grep -q 'install the package that holds qemu-arm-static' "$base/output"
report 'likewise in the middle of a run'

cp "$(command -v qemu-arm-static)" "$root/opt/qemu/qemu-arm-static-$(uname -m)"
own
says 'an emulator in the image, as JuNest has it' 'machine armv7l' \
  with_path /nowhere sh -c 'foreign_arm | grep machine'
rm "$root/opt/qemu/"*

if command -v "qemu-$(uname -m)-static" >/dev/null; then
  NESTP_LOG=start:debug
  found -q "qemu-$(uname -m)-static" --mixed-mode false busybox true 2>&1 | grep -q 'runs ".*/qemu-'
  report 'without mixed mode a native program is emulated, too'
  found busybox true 2>&1 | grep -q 'runs ".*/qemu-'
  [ $? != 0 ]
  report 'with it, it is not'
  NESTP_LOG=
fi

if [ "$print_dynamic" != - ]; then
  # It stands for an emulator: what it prints is how it was started.
  cp "$print_dynamic" "$base/emulators/qemu-riscv64"
  says 'a dynamic emulator runs by the libraries of the host' "arg /host-rootfs$base/emulators/qemu-riscv64
arg -E
arg LD_LIBRARY_PATH=/guest
arg -0
arg foreign_riscv64
arg /bin/foreign_riscv64
arg word" with_path "$base/emulators" -q qemu-riscv64 --env LD_LIBRARY_PATH=/guest sh -c '
    foreign_riscv64 word | grep "^arg "'
fi
finish
