// clone3(2) makes processes and vfork-like children; an unknown flag is EINVAL.
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  int pidfd = -1;
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<unsigned long long>(&pidfd);
  const long child = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == -1 && errno == ENOSYS) SKIP("no clone3");
  if (child == 0) _exit(mkdir("made", 0700) == 0 && access("made", F_OK) == 0 ? 7 : 1);
  EXPECT(child > 0 && pidfd >= 0);
  siginfo_t info;
  EXPECT(waitid(static_cast<idtype_t>(3), static_cast<id_t>(pidfd), &info, WEXITED) ==
         0);  // P_PIDFD
  EXPECT(info.si_pid == child && info.si_code == CLD_EXITED && info.si_status == 7);

  clone_args no_signal{};  // reaped by __WALL alone
  const long quiet = syscall(SYS_clone3, &no_signal, sizeof no_signal);
  if (quiet == 0) _exit(access("made", F_OK) == 0 ? 8 : 1);
  int status;
  EXPECT(waitpid(static_cast<pid_t>(quiet), &status, __WALL) == quiet && exited_with(status, 8));
  EXPECT_ERRNO(syscall(SYS_clone3, &arguments, 8UL), EINVAL);
  arguments.flags = 1ULL << 60;
  EXPECT_ERRNO(syscall(SYS_clone3, &arguments, sizeof arguments), EINVAL);
}
