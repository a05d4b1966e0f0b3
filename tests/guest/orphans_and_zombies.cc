// A zombie is seen until it is waited for; an orphan gets a new parent and lives on.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "tests/support/guest_test.h"

int main() {
  const pid_t zombie = fork();
  if (zombie == 0) _exit(9);
  siginfo_t info;
  EXPECT(waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT) == 0);
  EXPECT(info.si_status == 9 && kill(zombie, 0) == 0);
  const std::string process = "/proc/" + std::to_string(zombie);
  EXPECT(contents((process + "/stat").c_str()).find(") Z ") != std::string::npos);
  int status;
  EXPECT(waitpid(zombie, &status, 0) == zombie && exited_with(status, 9));
  EXPECT_ERRNO(kill(zombie, 0), ESRCH);

  int ends[2];
  EXPECT(pipe(ends) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  const pid_t middle = fork();
  if (middle == 0) {
    const pid_t parent = getpid();
    if (fork() == 0) {
      while (getppid() == parent)
        usleep(1000);
      const pid_t report[2] = {getpid(), getppid()};
      (void)!write(ends[1], report, sizeof report);
      _exit(access("/etc/passwd", F_OK) == 0 ? 11 : 1);
    }
    _exit(10);
  }
  EXPECT(waitpid(middle, &status, 0) == middle && exited_with(status, 10));
  pid_t report[2];
  EXPECT(read(ends[0], report, sizeof report) == sizeof report && report[1] == getpid());
  EXPECT(waitpid(report[0], &status, 0) == report[0] && exited_with(status, 11));
}
