#!/bin/sh
# An i386 Debian root file system on an x86-64 kernel, under nestp as an ordinary user.
#
#   i386.sh NESTP
set -u
here=$(cd "$(dirname "$0")" && pwd)
architecture=i386
. "$here/lib.sh"
nestp=$(absolute "$1")
unpack

says 'a 32-bit shell runs' 'i386 32' /bin/sh -c 'echo "$(dpkg --print-architecture) $(getconf LONG_BIT)"'
expected=$(find "$copy" -xdev \( -path "$copy/dev" -o -path "$copy/proc" -o -path "$copy/sys" \) \
  -prune -o -print | wc -l)
says 'find sees every file once' "$expected" /bin/sh -c \
  'find / \( -path /dev -o -path /proc -o -path /sys \) -prune -o -print | wc -l'
check 'coreutils' '
  mkdir d && cd d && echo x >a && cp a b && ln -s b c && mv a e && ls -l && stat c && du . && df /
  touch -d 2001-01-01 b && test e -nt b && cd .. && rm -r d'
check 'tar there and back' '
  tar -C /etc -cf t.tar . 2>/dev/null || test -s t.tar
  mkdir t && tar -C t -xf t.tar && cmp t/passwd /etc/passwd && rm -r t t.tar'
check 'python3' '
  python3 -c "import os, sys
assert sys.maxsize == 2**31 - 1 and os.path.realpath(\"/proc/self/cwd\") == os.getcwd()
assert os.spawnlp(os.P_WAIT, \"sh\", \"sh\", \"-c\", \"exit 9\") == 9
open(\"f\", \"w\").write(\"x\"); os.rename(\"f\", \"g\"); os.remove(\"g\")"'
says 'perl: sockets and fork' 'ok' perl -MSocket -e '
  socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die; bind($s, pack_sockaddr_un("sock")) or die $!;
  listen($s, 1) or die; my $p = fork // die;
  if (!$p) { socket(my $c, AF_UNIX, SOCK_STREAM, 0); connect($c, pack_sockaddr_un("sock")) or exit 1; exit 0 }
  accept(my $a, $s) or die; waitpid $p, 0; unlink "sock"; print "ok" if $? == 0'
check 'threads and signals' 'perl -e "\$SIG{ALRM} = sub { \$n++ }; alarm 1; sleep 3; exit !\$n"'
check 'busybox-static' 'busybox find /etc -name passwd | busybox grep -q passwd'
check 'a 32-bit program starts another' 'env -i /usr/bin/perl -e "exit system(q(/bin/true))"'

# As fake root.  The user's own tar has left out the bits of set-ID and /tmp, and the root of the
# image is closed.
inside_options=-0
[ "$(id -u)" != 0 ] || chown $user:$user "$base"
check 'set-user-ID programs: su and newgrp' '
  chmod 755 / && chmod 1777 /tmp && chmod 4755 /usr/bin/su /usr/bin/newgrp
  useradd -m one && useradd -m two && passwd -d two && usermod -aG users one
  one() { su one -c "$1"; }
  test "$(one "id -u; id -g; id -G" | tr "\n" " ")" = "1000 1000 1000 100 "
  test "$(one "su two -c \"id -un; id -ru\"" | tr "\n" " ")" = "two 1001 "
  test "$(one "echo id -gn | newgrp users")" = users
  ! one "su -c true </dev/null" && ! one "cat /etc/shadow"'
inside sh -c 'apt-get update' >"$base/output" 2>&1
if grep -q -E 'Could not resolve|Could not connect|Temporary failure|Failed to fetch' "$base/output"; then
  skip 'sudo' 'no network'
else
  check 'sudo (by apt)' '
    apt-get install -y --no-install-recommends sudo && test "$(stat -c "%u %a" /usr/bin/sudo)" = "0 4755"
    echo "one ALL=(two) NOPASSWD: /usr/bin/id" >/etc/sudoers.d/one
    test "$(su one -c "sudo -n -u two id -u")" = 1001 && ! su one -c "sudo -n id"'
fi
finish
