// A wait that began before its child was traced, or at a time when nothing was, ends at the stop.
#include "tests/support/ptrace_test.h"

namespace {

constexpr useconds_t kUntilParentWaits = 50'000;

pid_t late_traced_child() {
  const pid_t child = fork();
  if (child != 0) return child;
  usleep(kUntilParentWaits);
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
  raise(SIGSTOP);
  _exit(7);
}

int see_stop_and_end(pid_t child, bool of_any) {
  int status;
  EXPECT(waitpid(of_any ? -1 : child, &status, 0) == child && stop_of(status) == SIGSTOP);
  EXPECT(trace(PTRACE_CONT, child) == 0);
  EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 7));
  return 0;
}

}  // namespace

int main() {
  alarm(20);
  // Else this signal would interrupt the waits anyway.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  EXPECT(sigprocmask(SIG_BLOCK, &ends, nullptr) == 0);
  const pid_t held = traced_child([] { return 0; });
  int status;
  EXPECT(waitpid(held, &status, 0) == held && stop_of(status) == SIGSTOP);
  EXPECT(see_stop_and_end(late_traced_child(), false) == 0);
  EXPECT(see_stop_and_end(late_traced_child(), true) == 0);
  EXPECT(trace(PTRACE_CONT, held) == 0);
  EXPECT(waitpid(held, &status, 0) == held && WIFEXITED(status));
  // Nothing is traced any more.
  EXPECT(see_stop_and_end(late_traced_child(), false) == 0);
  EXPECT(see_stop_and_end(late_traced_child(), true) == 0);
}
