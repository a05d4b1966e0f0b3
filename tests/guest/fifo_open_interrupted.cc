// A blocked open(2) of a FIFO: EINTR by a handler, restarted with SA_RESTART, woken by a writer.
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

#include "tests/support/guest_test.h"

namespace {
volatile sig_atomic_t signals = 0;
void count(int) { signals = signals + 1; }

bool handle_alarm(int flags) {
  struct sigaction action {};
  action.sa_handler = count;
  action.sa_flags = flags;
  return sigaction(SIGALRM, &action, nullptr) == 0;
}

void alarm_every(long microseconds, long first) {
  const itimerval times = {{0, microseconds}, {0, first}};
  setitimer(ITIMER_REAL, &times, nullptr);
}
}  // namespace

int main() {
  EXPECT(mkfifo("fifo", 0600) == 0 && handle_alarm(0));
  alarm_every(0, 50000);
  EXPECT_ERRNO(open("fifo", O_RDONLY), EINTR);
  EXPECT(signals == 1 && handle_alarm(SA_RESTART));

  const pid_t writer = fork();
  if (writer == 0) {
    usleep(200000);
    const int end = open("fifo", O_WRONLY);
    _exit(write(end, "text", 4) == 4 ? 0 : 1);
  }
  alarm_every(20000, 20000);
  const int fifo = open((working_directory() + "/fifo").c_str(), O_RDONLY);
  alarm_every(0, 0);
  char text[4];
  EXPECT(fifo >= 0 && signals > 3 && read(fifo, text, 4) == 4 && std::memcmp(text, "text", 4) == 0);
  int status;
  EXPECT(waitpid(writer, &status, 0) == writer && exited_with(status, 0));
  EXPECT(close(fifo) == 0);
  EXPECT_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
}
