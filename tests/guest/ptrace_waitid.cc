// waitid, wait4 and SIGCHLD tell a tracer of stops; WNOWAIT and WNOHANG work.
#include <sys/resource.h>

#include "tests/support/ptrace_test.h"

namespace {
volatile sig_atomic_t code = 0, from = 0, why = 0;
void note(int, siginfo_t* info, void*) {
  code = info->si_code;
  from = info->si_pid;
  why = info->si_status;
}
}  // namespace

int main() {
  struct sigaction action {};
  action.sa_sigaction = note;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  EXPECT(sigaction(SIGCHLD, &action, nullptr) == 0);
  sigset_t all, old;
  sigfillset(&all);
  EXPECT(sigprocmask(SIG_BLOCK, &all, &old) == 0);
  const pid_t child = traced_child([&] {
    raise(SIGUSR1);
    return 3;
  });
  sigset_t wanted = old;
  sigsuspend(&wanted);
  EXPECT(code == CLD_TRAPPED && from == child && why == SIGSTOP);
  EXPECT(sigprocmask(SIG_SETMASK, &old, nullptr) == 0);
  siginfo_t info{};
  const auto id = static_cast<id_t>(child);
  EXPECT(waitid(P_PID, id, &info, WSTOPPED | WNOWAIT) == 0 && info.si_pid == child);
  EXPECT(info.si_code == CLD_TRAPPED && info.si_status == SIGSTOP && info.si_signo == SIGCHLD);
  EXPECT(info.si_uid == getuid());
  EXPECT(waitid(P_ALL, 0, &info, WSTOPPED) == 0 && info.si_pid == child);
  info.si_pid = 1;
  EXPECT(waitid(P_PID, id, &info, WSTOPPED | WEXITED | WNOHANG) == 0 && info.si_pid == 0);
  sigset_t none, blocked;
  sigemptyset(&none);
  EXPECT(trace(PTRACE_GETSIGMASK, child, sizeof(long), word(&blocked)) == 0);
  EXPECT(sigismember(&blocked, SIGUSR1) == 1);
  EXPECT(trace(PTRACE_SETSIGMASK, child, sizeof(long), word(&none)) == 0);
  EXPECT(trace(PTRACE_CONT, child) == 0);
  rusage usage;
  int status;
  EXPECT(wait4(-1, &status, __WALL, &usage) == child && stop_of(status) == SIGUSR1);
  EXPECT(trace(PTRACE_CONT, child) == 0);
  EXPECT(waitid(P_PID, id, &info, WEXITED) == 0 && info.si_code == CLD_EXITED);
  EXPECT(info.si_status == 3);
  EXPECT_ERRNO(waitpid(child, &status, __WALL), ECHILD);
}
