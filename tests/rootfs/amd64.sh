#!/bin/sh
# Daily work in a Debian root file system, under nestp as an ordinary user.
#
#   amd64.sh NESTP
set -u
here=$(cd "$(dirname "$0")" && pwd)
architecture=amd64
. "$here/lib.sh"
nestp=$(absolute "$1")
unpack

says 'a shell runs' 'hello' /bin/sh -c 'echo hello'
says 'exit status of the command' 'status 42' /bin/sh -c '(exit 42) || echo status $?'
says 'uname and release' '*GNU/Linux*12*' /bin/sh -c 'uname -o; cat /etc/debian_version'
expected=$(find "$copy" -xdev \( -path "$copy/dev" -o -path "$copy/proc" -o -path "$copy/sys" \) \
  -prune -o -print | wc -l)
says 'find sees every file once' "$expected" /bin/sh -c \
  'find / \( -path /dev -o -path /proc -o -path /sys \) -prune -o -print | wc -l'
check 'ls -lR, du and stat' 'ls -lR /usr >/dev/null; du -s /etc; stat /bin/sh /proc/self/exe'
check 'tar there and back' '
  tar -C /usr/share -cf t.tar perl
  mkdir t && tar -C t -xf t.tar && diff -r /usr/share/perl t/perl && rm -r t t.tar'
check 'gcc builds and the program runs' '
  printf "#include <stdio.h>\nint main(void) { return puts(\"built\") < 0; }\n" >p.c
  gcc -O2 -Wall p.c -o p && ./p | grep built && gcc -static p.c -o ps && ./ps'
check 'make -j2 of ten files' '
  mkdir m && cd m
  for n in 0 1 2 3 4 5 6 7 8 9; do echo "int f$n(void) { return $n; }" >f$n.c; done
  echo "int f9(void); int main(void) { return f9() - 9; }" >main.c
  printf "all: \$(patsubst %%.c,%%.o,\$(wildcard *.c))\n\t\$(CC) -o \$@ \$^\n" >Makefile
  make -s -j2 && ./all && make -s && cd .. && rm -r m'
check 'git init, commit, branch, status, log' '
  git config --global user.email u@example.org; git config --global user.name user
  git init -q r && cd r && echo one >f && git add f && git commit -qm first
  git checkout -qb b && echo two >>f && git commit -qam second && git checkout -q master
  git merge -q b && [ -z "$(git status --porcelain)" ] && [ "$(git log --oneline | wc -l)" = 2 ]
  git clone -q . ../r2 && git fsck && git gc -q && cd .. && rm -rf r r2'
check 'python3: modules, subprocess, threads, tempfile' '
python3 - <<"END"
import concurrent.futures, json, os, sqlite3, ssl, subprocess, tempfile
assert subprocess.check_output(["sh", "-c", "pwd"]).strip() == b"/home/user"
with tempfile.TemporaryDirectory() as directory:
    def work(number):
        path = os.path.join(directory, str(number))
        with open(path, "w") as file: file.write(path)
        with open(path) as file: assert file.read() == path
        return os.path.realpath("/proc/self/cwd") == os.getcwd()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(500)))
    database = sqlite3.connect(directory + "/db")
    database.execute("create table t (x)"); database.commit()
assert os.path.realpath("/proc/self/exe") == os.path.realpath("/usr/bin/python3")
END'
check 'python3: multiprocessing and asyncio' '
cat >mp.py <<"END"
import asyncio, multiprocessing, sys
def square(x): return x * x
async def child():
    process = await asyncio.create_subprocess_exec("true")
    return await process.wait()
if __name__ == "__main__":
    with multiprocessing.Pool(4) as pool: assert pool.map(square, range(50))[7] == 49
    sys.exit(asyncio.run(child()))
END
python3 mp.py'
says 'perl: files, fork, system' 'ok' perl -MFile::Temp -MCwd -e '
  my $d = File::Temp->newdir; open(my $f, ">", "$d/x") or die; print $f "t"; close $f;
  chdir $d or die; getcwd() eq "$d" or die; system("test -f x") == 0 or die; chdir "/";
  my $p = fork // die; exit 3 if !$p; waitpid $p, 0; print "ok" if $? >> 8 == 3'
says 'busybox-static' '*applet*' /bin/sh -c 'busybox sh -c "busybox find /etc -name passwd -exec busybox grep -q root {} \; && echo applet"'
says 'mount and df show the view' '* on / type *' /bin/sh -c 'mount; df / >/dev/null'
says 'findmnt finds the root' '/*' findmnt -n -o TARGET /
says 'gdb runs a program to its end' '*exited*' /bin/sh -c \
  'gdb -q -batch -ex "break main" -ex run -ex bt -ex continue ./p'
says 'gdb: breakpoint and backtrace' '*#0*main*' /bin/sh -c \
  'gdb -q -batch -ex "break main" -ex run -ex bt ./p'
says 'strace true' '*exited with 0*' strace -f true

if command -v musl-gcc >/dev/null 2>&1; then
  musl-gcc -static -O2 "$here/programs/files.c" -o "$base/musl-static" &&
    as_user cp "$base/musl-static" "$copy/home/user/"
  says 'a static musl program' /home/user/musl-static ./musl-static
  musl-gcc -O2 "$here/programs/files.c" -o "$base/musl-dynamic" &&
    as_user cp "$base/musl-dynamic" "$copy/home/user/" &&
    as_user cp -L /lib/ld-musl-x86_64.so.1 "$copy/lib/"
  says 'a dynamic musl program' /home/user/musl-dynamic ./musl-dynamic
else
  skip 'musl programs' 'no musl-gcc here'
fi
if command -v go >/dev/null 2>&1; then
  GOCACHE=${NESTP_TEST_CACHE:-$base}/go CGO_ENABLED=0 go build -o "$base/go-program" \
    "$here/programs/files.go" >"$base/output" 2>&1 && as_user cp "$base/go-program" "$copy/home/user/"
  says 'a Go program' '/home/user/go-program from a child' ./go-program
else
  skip 'a Go program' 'no go here'
fi

# apt as an ordinary user: the files are the user's, dpkg is told not to ask for root.
inside /bin/sh -ec 'apt-get update' >"$base/output" 2>&1
result=$?
if grep -q -E 'Could not resolve|Could not connect|Temporary failure|Failed to fetch' "$base/output"; then
  skip 'apt-get update' 'no network'
else
  report $result 'apt-get update'
  check 'apt-get install hello (as the owner; fake ids are to come)' '
    apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-not-root hello
    hello | grep Hello, && dpkg -s hello | grep "install ok installed"'
  check 'bwrap makes a sandbox inside (bubblewrap by apt)' '
    apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-not-root bubblewrap
    bwrap --ro-bind / / --proc /proc --dev /dev --tmpfs /tmp --unshare-all --die-with-parent \
      sh -c "touch /tmp/x && ! touch /etc/x 2>/dev/null && test -e /proc/self/exe"'
  check 'apt-get remove' '
    apt-get purge -y -o Dpkg::Options::=--force-not-root hello && ! test -e /usr/bin/hello'
fi
finish
