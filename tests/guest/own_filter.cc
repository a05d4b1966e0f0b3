// A guest's own seccomp filter: ERRNO, TRAP and KILL answer calls with and without paths.
#include <fcntl.h>
#include <signal.h>

#include "tests/support/filter.h"

namespace {
volatile sig_atomic_t trapped = 0;
void handler(int, siginfo_t* info, void*) { trapped = info->si_syscall; }

int with_errno() {
  EXPECT(filter_call(SYS_mknodat, SECCOMP_RET_ERRNO | ENOTTY));
  EXPECT(filter_call(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV));
  EXPECT_ERRNO(syscall(SYS_mknodat, AT_FDCWD, "refused", S_IFREG | 0600, 0), ENOTTY);
  EXPECT_ERRNO(syscall(SYS_getppid), EXDEV);
  EXPECT(mkdirat(AT_FDCWD, "allowed", 0700) == 0 && access("refused", F_OK) == -1);
  EXPECT(exited_with(in_child([] { return access("allowed", F_OK); }), 0));
  return 0;
}

int with_trap() {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  EXPECT(sigaction(SIGSYS, &action, nullptr) == 0);
  EXPECT(filter_call(SYS_chdir, SECCOMP_RET_TRAP) && filter_call(SYS_getpgid, SECCOMP_RET_TRAP));
  syscall(SYS_chdir, "/");
  EXPECT(trapped == SYS_chdir && working_directory() != "/");
  syscall(SYS_getpgid, 0);
  EXPECT(trapped == SYS_getpgid);
  return 0;
}

int with_kill(unsigned number) {
  EXPECT(filter_call(number, SECCOMP_RET_KILL_PROCESS));
  syscall(number, "x", 0, 0);
  return 0;
}
}  // namespace

int main() {
  EXPECT(exited_with(in_child(with_errno), 0));
  EXPECT(exited_with(in_child(with_trap), 0));
  for (const unsigned number : {SYS_unlinkat, SYS_getpgid}) {
    const int status = in_child([&] { return with_kill(number); });
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
  }
  const int strict = in_child([] {
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    syscall(SYS_exit, write(2, "", 0) == 0 ? 6 : 1);
    return 0;
  });
  EXPECT(exited_with(strict, 6));
}
