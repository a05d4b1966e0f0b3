// A helper made with CLONE_UNTRACED in the same memory can use paths and trace its maker, as
// LeakSanitizer does at the end of a program.
#include <fcntl.h>
#include <sched.h>

#include "tests/support/ptrace_test.h"

namespace {

constexpr int kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED;
char stack[65536];
int step = 0;

int helper(void*) {
  const pid_t maker = getppid();
  step = 1;
  const int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 1;
  close(file);
  step = 2;
  if (trace(PTRACE_ATTACH, maker) != 0) return 2;
  step = 3;
  if (next_stop(maker) != SIGSTOP) return 3;
  user_regs_struct registers;
  step = 4;
  if (!get_registers(maker, registers) || stack_of(registers) == 0) return 4;
  return trace(PTRACE_DETACH, maker) == 0 ? 42 : 5;
}

}  // namespace

int main() {
  const pid_t child = clone(helper, stack + sizeof stack, kFlags | SIGCHLD, nullptr);
  EXPECT(child > 0);
  int status;
  while (waitpid(child, &status, __WALL) == -1 && errno == EINTR) {
  }
  if (!exited_with(status, 42)) dprintf(2, "step %d, status %#x\n", step, status);
  EXPECT(exited_with(status, 42));

  // A tracer is not told of it either.
  const pid_t traced = traced_child([] {
    const pid_t hidden = static_cast<pid_t>(
        syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (hidden == 0) _exit(access("/etc/passwd", F_OK) == 0 ? 7 : 8);
    int end;
    return waitpid(hidden, &end, 0) == hidden && exited_with(end, 7) ? 0 : 1;
  });
  EXPECT(next_stop(traced) == SIGSTOP);
  EXPECT(trace(PTRACE_SETOPTIONS, traced, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE) == 0);
  EXPECT(trace(PTRACE_CONT, traced) == 0 && next_stop(traced) == SIGCHLD);
  EXPECT(trace(PTRACE_CONT, traced) == 0);
  EXPECT(waitpid(traced, &status, 0) == traced && exited_with(status, 0));
}
