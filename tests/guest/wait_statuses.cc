// Exit codes, deaths by signal and SIGCHLD come to the parent as they happened.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "tests/support/guest_test.h"

#if defined(__x86_64__)
#define TRAP "int3"
#define UNDEFINED "ud2"
#else
#define TRAP "brk #0"
#define UNDEFINED "udf #0"
#endif

namespace {
volatile sig_atomic_t children = 0;
void count(int) { children = children + 1; }
}  // namespace

int main() {
  signal(SIGCHLD, count);
  const rlimit no_core = {0, 0};
  EXPECT(setrlimit(RLIMIT_CORE, &no_core) == 0);
  for (const int code : {0, 1, 77, 127, 128, 255})
    EXPECT(exited_with(in_child([&] { return code; }), code));
  EXPECT(children == 6);
  for (const int number : {SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1, SIGTRAP,
                           SIGSYS, SIGABRT, SIGRTMIN, SIGRTMAX}) {
    const int status = in_child([&] { return kill(getpid(), number); });
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == number);
  }
  int status = in_child([] { return *static_cast<volatile int*>(nullptr); });
  EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  status = in_child([] {
    asm volatile(TRAP);
    return 0;
  });
  EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP);
  status = in_child([] {
    asm volatile(UNDEFINED);
    return 0;
  });
  EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
  status = in_child([] {
    signal(SIGTRAP, [](int) { _exit(33); });
    asm volatile(TRAP);
    return 0;
  });
  EXPECT(exited_with(status, 33));
  rusage usage;
  const pid_t child = fork();
  if (child == 0) _exit(5);
  EXPECT(wait4(child, &status, __WALL, &usage) == child && exited_with(status, 5));
}
