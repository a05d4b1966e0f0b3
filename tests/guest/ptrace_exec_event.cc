// An exec of a traced program: SIGTRAP or PTRACE_EVENT_EXEC, once, at the new program's first
// instruction and with its registers.
#include <elf.h>
#include <fcntl.h>

#include "tests/support/ptrace_test.h"

namespace {

/// AT_ENTRY of a process.
unsigned long entry_of(pid_t process) {
  const std::string text = contents(("/proc/" + std::to_string(process) + "/auxv").c_str());
  Elf64_auxv_t entry;
  for (std::size_t at = 0; at + sizeof entry <= text.size(); at += sizeof entry) {
    std::memcpy(&entry, text.data() + at, sizeof entry);
    if (entry.a_type == AT_ENTRY) return entry.a_un.a_val;
  }
  return 0;
}

int start() {
  execl(program("print_static").c_str(), "print_static", nullptr);
  return 1;
}

pid_t child_that_execs() {
  return traced_child([] {
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return null < 0 || dup2(null, 1) != 1 ? 2 : start();
  });
}

int finish(pid_t child) {
  int status;
  EXPECT(trace(PTRACE_CONT, child) == 0 && waitpid(child, &status, 0) == child);
  EXPECT(exited_with(status, 42));
  return 0;
}

/// `result`: 0 once execve(2) has returned.
int check_start(pid_t child, long result = 0) {
  user_regs_struct registers;
  EXPECT(trace(PTRACE_GETREGS, child, 0, word(&registers)) == 0);
  EXPECT(registers.rip == entry_of(child) && registers.rip != 0);
  EXPECT(registers.orig_rax == SYS_execve && registers.rbx == 0);
  EXPECT(static_cast<long>(registers.rax) == result);
  errno = 0;
  EXPECT(trace(PTRACE_PEEKDATA, child, registers.rsp) == 1 && errno == 0);  // argc
  return 0;
}

}  // namespace

int main() {
  pid_t child = child_that_execs();
  EXPECT(next_stop(child) == SIGSTOP && trace(PTRACE_CONT, child) == 0);
  EXPECT(next_stop(child) == SIGTRAP);
  siginfo_t info;
  EXPECT(trace(PTRACE_GETSIGINFO, child, 0, word(&info)) == 0);
  EXPECT(info.si_signo == SIGTRAP && info.si_code == SI_USER && info.si_pid == child);
  EXPECT(check_start(child) == 0 && finish(child) == 0);

  child = child_that_execs();
  EXPECT(next_stop(child) == SIGSTOP);
  EXPECT(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD) == 0);
  EXPECT(trace(PTRACE_CONT, child) == 0 && next_stop(child) == event_stop(PTRACE_EVENT_EXEC));
  unsigned long message = 0;
  EXPECT(trace(PTRACE_GETEVENTMSG, child, 0, word(&message)) == 0);
  EXPECT(static_cast<pid_t>(message) == child && check_start(child, -ENOSYS) == 0);
  // The end of execve(2) comes behind it, then the program's own first call.
  EXPECT(trace(PTRACE_SYSCALL, child) == 0 && next_stop(child) == kCallStop);
  EXPECT(check_start(child) == 0);
  EXPECT(trace(PTRACE_SYSCALL, child) == 0 && next_stop(child) == kCallStop);
  user_regs_struct registers;
  EXPECT(trace(PTRACE_GETREGS, child, 0, word(&registers)) == 0);
  EXPECT(static_cast<long>(registers.rax) == -ENOSYS && registers.orig_rax != SYS_execve);
  EXPECT(finish(child) == 0);

  child = child_that_execs();
  EXPECT(next_stop(child) == SIGSTOP && trace(PTRACE_SYSCALL, child) == 0);
  int stops = 0;
  do {
    EXPECT(next_stop(child) == SIGTRAP && ++stops < 100);  // without TRACESYSGOOD
    EXPECT(trace(PTRACE_GETREGS, child, 0, word(&registers)) == 0);
    EXPECT(trace(PTRACE_SYSCALL, child) == 0);
  } while (registers.orig_rax != SYS_execve);
  EXPECT(next_stop(child) == SIGTRAP && check_start(child) == 0);  // the call's end
  EXPECT(trace(PTRACE_SYSCALL, child) == 0);
  EXPECT(next_stop(child) == SIGTRAP && check_start(child) == 0);  // the signal
  EXPECT(finish(child) == 0);
}
