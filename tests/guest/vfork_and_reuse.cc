// Thousands of short processes, so that ids come back, and vfork children that only make calls.
#include <fcntl.h>
#include <signal.h>

#include "tests/support/guest_test.h"

int main() {
  EXPECT(make_file("file", "text"));
  for (int round = 0; round < 3000; ++round) {
    const pid_t child = round % 2 ? fork() : vfork();
    if (child == 0) _exit(access("file", F_OK) == 0 ? round % 50 : 99);
    int status;
    EXPECT(child > 0 && waitpid(child, &status, 0) == child && exited_with(status, round % 50));
  }
  signal(SIGCHLD, SIG_IGN);  // reaped by the kernel itself
  for (int round = 0; round < 200; ++round) {
    if (fork() == 0) _exit(access("file", F_OK));
  }
  while (waitpid(-1, nullptr, 0) != -1) {
  }
  EXPECT(errno == ECHILD);
}
