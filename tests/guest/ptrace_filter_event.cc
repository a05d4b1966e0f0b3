// SECCOMP_RET_TRACE of the guest's own filter: PTRACE_EVENT_SECCOMP to a tracer that asked for it,
// ENOSYS where nobody did.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "tests/support/ptrace_test.h"

namespace {

const char kPath[] = "/etc/passwd";
constexpr std::uint32_t kData = 77;

/// Calls access(2) and getppid(2) of this program want a tracer.
int install_filter() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_access, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | kData),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

}  // namespace

int main() {
  EXPECT(exited_with(in_child([] {
                       if (install_filter() != 0) return 1;
                       return syscall(SYS_getppid) == -1 && errno == ENOSYS ? 0 : 2;
                     }),
                     0));
  const pid_t child = traced_child([] {
    if (install_filter() != 0) return 1;
    if (access(kPath, F_OK) != 0) return 2;
    if (syscall(SYS_getppid) != getpid()) return 3;  // the tracer made it another call
    return access(kPath, F_OK) == 0 ? 0 : 4;
  });
  EXPECT(next_stop(child) == SIGSTOP);
  EXPECT(trace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD) == 0);
  for (const long number : {SYS_access, SYS_getppid, SYS_access}) {
    EXPECT(trace(PTRACE_CONT, child) == 0 && next_stop(child) == event_stop(PTRACE_EVENT_SECCOMP));
    unsigned long message = 0;
    EXPECT(trace(PTRACE_GETEVENTMSG, child, 0, word(&message)) == 0 && message == kData);
    user_regs_struct registers;
    EXPECT(trace(PTRACE_GETREGS, child, 0, word(&registers)) == 0);
    EXPECT(static_cast<long>(registers.orig_rax) == number);
    if (number == SYS_access) EXPECT(registers.rdi == word(kPath));
    if (number == SYS_getppid) {
      EXPECT(trace(PTRACE_POKEUSER, child, offsetof(user, regs.orig_rax), SYS_getpid) == 0);
    }
    // From there on to the call's end.
    EXPECT(trace(PTRACE_SYSCALL, child) == 0 && next_stop(child) == kCallStop);
    EXPECT(trace(PTRACE_GETREGS, child, 0, word(&registers)) == 0);
    EXPECT(registers.rax == (number == SYS_access ? 0 : static_cast<unsigned long>(child)));
  }
  EXPECT(trace(PTRACE_CONT, child) == 0);
  int status;
  EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 0));
}
