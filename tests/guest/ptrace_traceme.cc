// PTRACE_TRACEME: signals stop the child first; memory, registers and the signal can be changed.
#include "tests/support/ptrace_test.h"

namespace {
volatile long cell = 11;
volatile sig_atomic_t handled = 0;
void handle(int number) { handled = number; }
}  // namespace

int main() {
  const pid_t child = traced_child([] {
    signal(SIGUSR1, handle);
    signal(SIGUSR2, handle);
    raise(SIGUSR1);
    if (handled != SIGUSR2 || cell != 22) return 1;
    raise(SIGUSR1);
    return handled == SIGUSR2 ? 42 : 2;  // the second one was swallowed
  });
  EXPECT(next_stop(child) == SIGSTOP);
  EXPECT_ERRNO(trace(PTRACE_ATTACH, child), EPERM);
  EXPECT(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL) == 0);
  errno = 0;
  EXPECT(trace(PTRACE_PEEKDATA, child, word(const_cast<long*>(&cell))) == 11 && errno == 0);
  EXPECT(trace(PTRACE_POKEDATA, child, word(const_cast<long*>(&cell)), 22) == 0);
  EXPECT_ERRNO(trace(PTRACE_PEEKDATA, child, 8), EIO);
  EXPECT(trace(PTRACE_CONT, child) == 0 && next_stop(child) == SIGUSR1);
  siginfo_t info;
  EXPECT(trace(PTRACE_GETSIGINFO, child, 0, word(&info)) == 0);
  EXPECT(info.si_signo == SIGUSR1 && info.si_pid == child && info.si_code == SI_TKILL);
  EXPECT(trace(PTRACE_CONT, child, 0, SIGUSR2) == 0 && next_stop(child) == SIGUSR1);
  user_regs_struct registers;
  EXPECT(get_registers(child, registers) && instruction_of(registers) != 0);
#if defined(__x86_64__)
  EXPECT(registers.rip ==
         static_cast<unsigned long>(trace(PTRACE_PEEKUSER, child, offsetof(user, regs.rip))));
  user_regs_struct whole;
  EXPECT(trace(PTRACE_GETREGS, child, 0, word(&whole)) == 0);
  EXPECT(std::memcmp(&whole, &registers, sizeof whole) == 0);
#endif
  EXPECT(trace(PTRACE_CONT, child) == 0);
  EXPECT_ERRNO(trace(PTRACE_CONT, child), ESRCH);  // it runs
  int status;
  EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 42));
  EXPECT_ERRNO(trace(PTRACE_CONT, child), ESRCH);
  // A second tracer's request is refused; nobody traces a stranger.
  EXPECT(exited_with(in_child([] {
                       return trace(PTRACE_TRACEME, 0) == 0 && trace(PTRACE_TRACEME, 0) == -1 &&
                                      errno == EPERM
                                  ? 0
                                  : 1;
                     }),
                     0));
}
