// PTRACE_SEIZE stops nothing; PTRACE_INTERRUPT does, also out of a blocked call, which goes on.
#include "tests/support/ptrace_test.h"

int main() {
  int go;
  const pid_t child = waiting_child(go, [] { return access("/etc/passwd", F_OK) == 0 ? 7 : 8; });
  EXPECT_ERRNO(trace(PTRACE_SEIZE, child, 0, 1 << 30), EIO);
  EXPECT_ERRNO(trace(PTRACE_SEIZE, child, 1, 0), EIO);
  EXPECT(trace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT) == 0);
  EXPECT_ERRNO(trace(PTRACE_SEIZE, child), EPERM);
  int status;
  EXPECT(waitpid(child, &status, WNOHANG | __WALL) == 0);
  EXPECT_ERRNO(trace(PTRACE_CONT, child), ESRCH);
  usleep(20000);  // into its read()
  for (int round = 0; round < 3; ++round) {
    EXPECT(trace(PTRACE_INTERRUPT, child) == 0);
    EXPECT(next_stop(child) == event_stop(PTRACE_EVENT_STOP));
    siginfo_t info;
    EXPECT(trace(PTRACE_GETSIGINFO, child, 0, word(&info)) == 0);
    EXPECT(info.si_signo == SIGTRAP && info.si_code == event_stop(PTRACE_EVENT_STOP));
    EXPECT(trace(PTRACE_CONT, child) == 0);
    EXPECT(waitpid(child, &status, WNOHANG | __WALL) == 0);
    usleep(5000);
  }
  EXPECT(write(go, "x", 1) == 1);
  EXPECT(next_stop(child) == event_stop(PTRACE_EVENT_EXIT));
  unsigned long message = 0;
  EXPECT(trace(PTRACE_GETEVENTMSG, child, 0, word(&message)) == 0 && message == 7 << 8);
  EXPECT(trace(PTRACE_CONT, child) == 0);
  EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 7));
}
