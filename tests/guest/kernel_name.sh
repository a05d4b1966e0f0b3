#!/bin/sh
# What a guest is told of its kernel and host: -k, --hostname, sethostname(2), 32-bit programs.
#
#   kernel_name.sh NESTP PRINT_KERNEL        prints TAP; needs busybox-static
set -u
. "$(dirname "$0")/../support/busybox_guest.sh"
cp "$2" "$root/bin/print_kernel"
own
node=$(uname -n)
machine=$(uname -m)

says 'a release is told by uname and the vDSO alike' "Linux $node 3.10.5 $machine
note 30a05" nestp -k 3.10.5 sh -c 'print_kernel | grep -v hwcap'
says 'all of the long form' 'Unix node 4.4 mach
hwcap abc
note 40400' nestp -k '\Unix\node\4.4\#1\mach\domain\abc\' print_kernel
says 'files of /proc say the same' "Unix
4.4
#1
node
domain
Unix version 4.4 ( #1" nestp -k '\Unix\node\4.4\#1\mach\domain\\' sh -c '
  cd /proc/sys/kernel && cat ostype osrelease version hostname domainname
  sed "s/(.*)/(/" /proc/version'
says 'a host name' 'box' nestp --hostname box uname -n
says 'a new host name is kept, also by later processes' 'mine
mine' nestp --hostname box sh -c 'hostname mine; hostname; cat /proc/sys/kernel/hostname'
says 'a promised UTS namespace has its own name' "inner
$node" nestp sh -c 'unshare -U -u sh -c "hostname inner; hostname"; hostname'
if [ "$(id -u)" = 0 ]; then
  nestp hostname other 2>/dev/null
  [ $? != 0 ] && [ "$(uname -n)" = "$node" ]
  report 'without either, an ordinary user may not'
fi
says 'fake root may' 'mine' nestp -0 sh -c 'hostname mine; hostname'
says 'all calls are there' 'statx 1 getrandom 1' nestp -k 3.10 print_kernel calls
says 'but newer ones are missing by --strict-kernel' 'statx 0 getrandom 0' \
  nestp -k 3.10 --strict-kernel print_kernel calls
says 'and only newer ones' 'statx 0 getrandom 1' nestp -k 4.10 --strict-kernel print_kernel calls
says 'a wrong long form is refused' "nestp: option '-k': 'x' is not a hexadecimal number; try --help" \
  nestp -k '\a\b\c\d\e\f\x\' true
finish
