// SIGSTOP, SIGCONT and WUNTRACED/WCONTINUED as a parent sees them; SIGKILL ends a stopped child.
#include <fcntl.h>
#include <signal.h>

#include "tests/support/guest_test.h"

int main() {
  int pipes[2];
  EXPECT(pipe(pipes) == 0);
  const pid_t child = fork();
  if (child == 0) {
    for (int count = 0;; ++count) {
      access("/etc/passwd", F_OK);
      if (write(pipes[1], "x", 1) != 1) _exit(1);
      usleep(500);
    }
  }
  const std::string stat = "/proc/" + std::to_string(child) + "/stat",
                    words = "/proc/" + std::to_string(child) + "/status";
  int status;
  char byte;
  for (int round = 0; round < 20; ++round) {
    EXPECT(read(pipes[0], &byte, 1) == 1 && kill(child, SIGSTOP) == 0);
    EXPECT(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    EXPECT(WSTOPSIG(status) == SIGSTOP && waitpid(child, &status, WUNTRACED | WNOHANG) == 0);
    EXPECT(contents(stat.c_str()).find(") T ") != std::string::npos);
    EXPECT(contents(words.c_str()).find("State:\tT (stopped)\n") != std::string::npos);
    EXPECT(kill(child, SIGCONT) == 0);
    EXPECT(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
  }
  siginfo_t info;
  EXPECT(kill(child, SIGTSTP) == 0 &&
         waitid(P_PID, static_cast<id_t>(child), &info, WSTOPPED) == 0);
  EXPECT(info.si_code == CLD_STOPPED && info.si_status == SIGTSTP && info.si_pid == child);
  EXPECT(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
  EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
