// PTRACE_SYSCALL: each call stops twice and shows the program's own arguments; the tracer may
// change the path, the number and the result.
#include <fcntl.h>

#include "tests/support/ptrace_test.h"

namespace {

/// Goes on to the next entry of `number`; fills the registers there.
bool to_entry(pid_t child, long number, user_regs_struct& registers) {
  for (;;) {
    if (trace(PTRACE_SYSCALL, child) != 0 || next_stop(child) != kCallStop) return false;
    if (trace(PTRACE_GETREGS, child, 0, word(&registers)) != 0) return false;
    if (static_cast<long>(registers.rax) != -ENOSYS) return false;  // entry
    if (static_cast<long>(registers.orig_rax) == number) return true;
    if (trace(PTRACE_SYSCALL, child) != 0 || next_stop(child) != kCallStop) return false;
  }
}

bool to_exit(pid_t child, user_regs_struct& registers) {
  return trace(PTRACE_SYSCALL, child) == 0 && next_stop(child) == kCallStop &&
         trace(PTRACE_GETREGS, child, 0, word(&registers)) == 0;
}

const char kFirst[] = "/etc/passwd", kSecond[] = "/no/such/file";

}  // namespace

int main() {
  const pid_t child = traced_child([] {
    if (access(kFirst, F_OK) != 0) return 1;
    if (access(kFirst, F_OK) != -1 || errno != ENOENT) return 2;  // another path
    if (access(kFirst, F_OK) != 77) return 3;                     // another result
    if (syscall(SYS_getuid) != getpid()) return 4;                // another call
    if (access(kFirst, F_OK) != -1 || errno != ENOSYS) return 5;  // no call
    char directory[4096];
    return syscall(SYS_getcwd, directory, sizeof directory) > 0 ? 0 : 6;
  });
  EXPECT(next_stop(child) == SIGSTOP);
  EXPECT(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD) == 0);
  user_regs_struct at_entry, at_exit;
  EXPECT(to_entry(child, SYS_access, at_entry) && at_entry.rdi == word(kFirst));
  EXPECT(to_exit(child, at_exit) && at_exit.rax == 0 && at_exit.orig_rax == SYS_access);
  EXPECT(at_exit.rdi == word(kFirst) && at_exit.rip == at_entry.rip && at_exit.rsp == at_entry.rsp);

  EXPECT(to_entry(child, SYS_access, at_entry));
  at_entry.rdi = word(kSecond);
  EXPECT(trace(PTRACE_SETREGS, child, 0, word(&at_entry)) == 0);
  EXPECT(to_exit(child, at_exit) && static_cast<long>(at_exit.rax) == -ENOENT);
  EXPECT(at_exit.rdi == word(kSecond));

  EXPECT(to_entry(child, SYS_access, at_entry) && to_exit(child, at_exit));
  at_exit.rax = 77;
  EXPECT(trace(PTRACE_SETREGS, child, 0, word(&at_exit)) == 0);

  EXPECT(to_entry(child, SYS_getuid, at_entry));
  EXPECT(trace(PTRACE_POKEUSER, child, offsetof(user, regs.orig_rax), SYS_getpid) == 0);
  EXPECT(to_exit(child, at_exit) && static_cast<pid_t>(at_exit.rax) == child);

  EXPECT(to_entry(child, SYS_access, at_entry));
  EXPECT(trace(PTRACE_POKEUSER, child, offsetof(user, regs.orig_rax), ~0UL) == 0);
  EXPECT(to_exit(child, at_exit) && static_cast<long>(at_exit.rax) == -ENOSYS);

  EXPECT(to_entry(child, SYS_getcwd, at_entry) && to_exit(child, at_exit));
  EXPECT(at_exit.rax == working_directory().size() + 1 && at_exit.orig_rax == SYS_getcwd);
  EXPECT(trace(PTRACE_CONT, child) == 0);
  int status;
  EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 0));
}
