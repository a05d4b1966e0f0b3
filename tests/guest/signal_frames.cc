// A handler sees the guest's own instruction and stack; SA_SIGINFO and sigaltstack(2) work.
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "tests/support/guest_test.h"

namespace {
volatile sig_atomic_t seen = 0;
volatile unsigned long instruction = 0, handler_stack = 0;
siginfo_t last;
void handler(int, siginfo_t* info, void* context) {
  int here;
  last = *info;
  const mcontext_t& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  instruction = static_cast<unsigned long>(machine.gregs[REG_RIP]);
#else
  instruction = machine.pc;
#endif
  handler_stack = reinterpret_cast<unsigned long>(&here);
  seen = seen + 1;
}
extern "C" const char __executable_start[], etext[];
}  // namespace

int main() {
  static char room[65536];
  const stack_t stack = {room, 0, sizeof room};
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  EXPECT(sigaltstack(&stack, nullptr) == 0 && sigaction(SIGUSR1, &action, nullptr) == 0);
  const sigval value = {.sival_int = 77};
  EXPECT(sigqueue(getpid(), SIGUSR1, value) == 0);
  EXPECT(seen == 1 && last.si_code == SI_QUEUE && last.si_value.sival_int == 77);
  EXPECT(last.si_pid == getpid() && last.si_uid == getuid());
  const auto low = reinterpret_cast<unsigned long>(room);
  EXPECT(handler_stack > low && handler_stack < low + sizeof room);

  const pid_t child = fork();
  if (child == 0) {
    for (int round = 0; round < 200 && kill(getppid(), SIGUSR1) == 0; ++round)
      usleep(1000);
    _exit(0);
  }
  while (seen < 50) {
    access("/etc/passwd", F_OK);
    EXPECT(instruction >= reinterpret_cast<unsigned long>(__executable_start) &&
           instruction < reinterpret_cast<unsigned long>(etext));  // a static program's own text
  }
  while (waitpid(child, nullptr, 0) == -1)
    EXPECT(errno == EINTR);
}
