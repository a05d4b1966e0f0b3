// siglongjmp(3) out of a handler that interrupted a call with a path leaves nothing behind.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

#include "tests/support/guest_test.h"

namespace {
sigjmp_buf place;
void jump(int) { siglongjmp(place, 1); }
}  // namespace

int main() {
  EXPECT(make_file("file", "text") && mkfifo("fifo", 0600) == 0);
  static char room[65536];
  const stack_t stack = {room, 0, sizeof room};
  EXPECT(sigaltstack(&stack, nullptr) == 0);
  for (int round = 0; round < 200; ++round) {
    struct sigaction action {};
    action.sa_handler = jump;
    action.sa_flags = round % 2 ? SA_ONSTACK : 0;
    EXPECT(sigaction(SIGALRM, &action, nullptr) == 0);
    if (sigsetjmp(place, 1) == 0) {
      const itimerval once = {{0, 0}, {0, 500}};
      EXPECT(setitimer(ITIMER_REAL, &once, nullptr) == 0);
      if (round % 4 < 2) (void)!open("fifo", O_RDONLY);  // blocks for ever
      for (;;)
        access("file", F_OK);
    }
    struct stat status;
    EXPECT(stat("file", &status) == 0 && status.st_size == 4);
    EXPECT(contents("file") == "text" && access("fifo", F_OK) == 0);
  }
}
