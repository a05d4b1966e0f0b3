#!/bin/sh
# Programs that look into others, make code, take signals for their own ends or lock themselves in:
# debuggers, sanitizers, machines of languages, a browser.  Each with the fast path and without.
#
#   tools.sh NESTP        prints TAP
set -u
here=$(cd "$(dirname "$0")/../rootfs" && pwd)
architecture=amd64
. "$here/lib.sh"
nestp=$(absolute "$1")
unpack

inside_options=-0 limit=1800
check 'the programs are installed' '
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends valgrind g++ default-jdk-headless golang-go nodejs \
    musl-tools chromium rr'

inside_options=
check 'programs are built' '
cat >threads.c <<"END"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
static void* look(void* mistake) {
  struct stat status;
  for (int i = 0; i < 3000; ++i) {
    if (stat("/etc/passwd", &status) != 0 || stat("/etc/absent", &status) == 0) abort();
  }
  return mistake;
}
int main(int count, char** words) {
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(threads + i, 0, look, 0);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], 0);
  FILE* file = fopen("/etc/passwd", "r");
  char line[100];
  if (file == 0 || fgets(line, sizeof line, file) == 0) return 2;
  fclose(file);
  if (count > 1) {
    volatile char* memory = malloc(10);
    free((void*)memory);
    printf("%d %s\n", memory[1], words[1]);
  }
  return puts(line) < 0;
}
END
cat >cancel.c <<"END"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
static void* look(void* p) {
  struct stat status;
  for (;;) {
    stat("/etc/passwd", &status);
    int file = open("/etc/passwd", O_RDONLY);
    if (file >= 0) close(file);
    pthread_testcancel();
  }
  return p;
}
int main(void) {
  for (int i = 0; i < 200; ++i) {
    pthread_t thread;
    void* result;
    if (pthread_create(&thread, 0, look, 0) != 0) return 1;
    usleep(i * 13 % 700);
    if (pthread_cancel(thread) != 0 || pthread_join(thread, &result) != 0) return 2;
    if (result != PTHREAD_CANCELED) return 3;
  }
  return puts("cancelled") < 0;
}
END
gcc -g -O1 threads.c -o threads -pthread
for kind in address thread undefined; do gcc -g -O1 -fsanitize=$kind threads.c -o $kind -pthread; done
gcc -O1 cancel.c -o cancel-glibc -pthread
musl-gcc -O1 cancel.c -o cancel-musl -pthread
musl-gcc -static -O1 cancel.c -o cancel-musl-static -pthread
cat >Walk.java <<"END"
import java.nio.file.*;
import java.util.stream.*;
public class Walk {
  public static void main(String[] words) throws Exception {
    IntStream.range(0, 3000).parallel().forEach(i -> {
      if (!Files.exists(Path.of("/etc/passwd")) || Files.exists(Path.of("/etc/absent/" + i))) System.exit(3);
    });
    Process child = new ProcessBuilder("sh", "-c", "echo child").start();
    System.out.println(new String(child.getInputStream().readAllBytes()).trim() + " " +
                       Files.walk(Path.of("/etc/apt")).count());
  }
}
END
javac Walk.java
cat >walk.go <<"END"
package main
import ("fmt"; "os"; "os/exec"; "sync")
func main() {
  var all sync.WaitGroup
  for i := 0; i < 64; i++ {
    all.Add(1)
    go func() {
      defer all.Done()
      for j := 0; j < 400; j++ {
        if _, e := os.Stat("/etc/passwd"); e != nil { panic(e) }
        if f, e := os.Open("/etc/hostname"); e == nil { f.Close() }
        if j%100 == 0 { x := 0; for k := 0; k < 20000000; k++ { x += k }; _ = x }
      }
    }()
  }
  all.Wait()
  text, _ := exec.Command("echo", "go", "child").Output()
  fmt.Print(string(text))
}
END
go build -o walk-go walk.go'

libraries='
import _ctypes, ctypes, glob, os, signal, threading
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
names = [n for n in glob.glob("/usr/lib/x86_64-linux-gnu/lib*.so.*") if "san" not in n][:40]
ends = threading.Event()
def look():
    while not ends.is_set():
        os.stat("/etc/passwd"); os.path.exists("/etc/absent")
threads = [threading.Thread(target=look) for _ in range(3)]
for thread in threads: thread.start()
for turn in range(5):
    for name in names:
        try: handle = ctypes.CDLL(name)._handle
        except OSError: continue
        _ctypes.dlclose(handle)
ends.set()
for thread in threads: thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print("loaded")'

for options in '' --no-fast-path; do
  inside_options=$options
  with=${options:+ with $options}
  check "gdb breaks, traces back and goes on$with" '
    gdb -q -batch -ex "break look" -ex run -ex bt -ex "delete" -ex continue ./threads | tee out
    grep "#0.*look" out && grep "exited normally" out'
  says "strace follows threads$with" '*exited with 0*' strace -f ./threads
  check "valgrind is content$with" 'valgrind -q --error-exitcode=9 ./threads'
  check "valgrind finds a mistake$with" '! valgrind --error-exitcode=9 ./threads x 2>out && grep "Invalid read" out'
  check "the address sanitizer finds a mistake$with" './address && ! ./address x 2>out && grep heap-use-after-free out'
  check "the thread sanitizer$with" './thread'
  check "the sanitizer of undefined behaviour$with" './undefined'
  for program in cancel-glibc cancel-musl cancel-musl-static; do
    says "threads are cancelled: $program$with" cancelled ./$program
  done
  says "a Java machine$with" 'child *' java Walk
  says "Go's goroutines and their preemption$with" 'go child' ./walk-go
  says "node$with" '3000 200 child' node -e 'const fs = require("fs"); let n = 0;
    for (let i = 0; i < 3000; i++) { fs.statSync("/etc/passwd"); n++ }
    Promise.all([...Array(200)].map(() => fs.promises.readFile("/etc/passwd"))).then(all =>
      console.log(n, all.length, require("child_process").execSync("echo child").toString().trim()))'
  says "libraries are loaded and unloaded under signals$with" loaded python3 -c "$libraries"
  says "chromium, without its sandbox$with" '*<p>hello</p>*' chromium --headless --no-sandbox \
    --disable-gpu --user-data-dir=/home/user/chromium --dump-dom 'data:text/html,<p>hello</p>'
done

# rr needs the processor's counters, which few virtual machines have.
if inside rr record -n ./threads >"$base/output" 2>&1; then
  check 'rr plays back what it recorded' 'rr replay -a | grep root'
elif grep -q 'performance counter\|perf_event' "$base/output"; then
  number=$((number + 1))
  echo "ok $number - rr # SKIP no performance counters here"
else
  report 1 'rr records'
fi
finish
