// Group stops of a seized child: PTRACE_LISTEN waits for SIGCONT, PTRACE_CONT ends the stop.
#include "tests/support/ptrace_test.h"

int main() {
  int go;
  pid_t child = waiting_child(go, [] {
    for (;;)
      pause();
    return 0;
  });
  EXPECT(trace(PTRACE_SEIZE, child) == 0 && write(go, "x", 1) == 1);
  for (const int number : {SIGSTOP, SIGTSTP}) {
    EXPECT(kill(child, number) == 0 && next_stop(child) == number);
    EXPECT_ERRNO(trace(PTRACE_LISTEN, child), EIO);
    EXPECT(trace(PTRACE_CONT, child, 0, static_cast<std::uintptr_t>(number)) == 0);
    EXPECT(next_stop(child) == event_stop(PTRACE_EVENT_STOP, number));
    EXPECT(trace(PTRACE_LISTEN, child) == 0);
    int status;
    EXPECT(waitpid(child, &status, WNOHANG | __WALL) == 0);
    EXPECT_ERRNO(trace(PTRACE_CONT, child), ESRCH);
    EXPECT(kill(child, SIGCONT) == 0);
    EXPECT(next_stop(child) == event_stop(PTRACE_EVENT_STOP));
    EXPECT(trace(PTRACE_CONT, child) == 0 && next_stop(child) == SIGCONT);
    EXPECT(trace(PTRACE_CONT, child, 0, SIGCONT) == 0);
  }
  EXPECT(kill(child, SIGSTOP) == 0 && next_stop(child) == SIGSTOP);
  EXPECT(trace(PTRACE_CONT, child, 0, SIGSTOP) == 0);
  EXPECT(next_stop(child) == event_stop(PTRACE_EVENT_STOP, SIGSTOP));
  EXPECT(trace(PTRACE_CONT, child) == 0);  // runs although it is stopped
  EXPECT(kill(child, SIGTERM) == 0 && next_stop(child) == SIGTERM);
  EXPECT(trace(PTRACE_CONT, child, 0, SIGTERM) == 0);
  int status;
  EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);

  // PTRACE_ATTACH to a child that stands in a group stop.
  child = fork();
  if (child == 0) {
    raise(SIGSTOP);
    _exit(9);
  }
  EXPECT(waitpid(child, &status, WUNTRACED) == child && stop_of(status) == SIGSTOP);
  EXPECT(trace(PTRACE_ATTACH, child) == 0 && next_stop(child) == SIGSTOP);
  EXPECT(trace(PTRACE_DETACH, child) == 0 && kill(child, SIGCONT) == 0);
  EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 9));
}
