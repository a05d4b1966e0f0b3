// Signals that come at any instruction of path calls change no result, leak no descriptor and
// may leave by siglongjmp; a blocking open is restarted or interrupted as it should be.
#include <csetjmp>
#include <csignal>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/guest_test.h"
#include "tests/support/timer_period.h"

namespace {

volatile sig_atomic_t count = 0;
volatile sig_atomic_t may_jump = 0;
sigjmp_buf place;
char alternate_stack[64 * 1024];

void on_signal(int) {
  count = count + 1;
  struct stat status;
  // Path calls in the handler, on another stack.
  if (stat("file", &status) != 0 || status.st_size != 4) _exit(17);
  if (may_jump != 0 && count % 3 == 0) {
    may_jump = 0;
    siglongjmp(place, 1);
  }
}

int open_descriptors() {
  int number = 0;
  for (int descriptor = 0; descriptor < 256; ++descriptor)
    number += fcntl(descriptor, F_GETFD) >= 0;
  return number;
}

void set_timer(long microseconds) {
  const long period = microseconds == 0 ? 0 : timer_period(microseconds);
  const itimerval timer{{0, period}, {0, period}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

int calls_under_signals(const std::string& file) {
  for (int round = 0; round < 4000; ++round) {
    struct stat status;
    EXPECT(stat(file.c_str(), &status) == 0 && status.st_size == 4);
    EXPECT(lstat("link", &status) == 0 && S_ISLNK(status.st_mode));
    EXPECT(stat("link", &status) == 0 && status.st_size == 4);
    EXPECT(access(file.c_str(), R_OK) == 0);
    EXPECT_ERRNO(stat((file + "/x").c_str(), &status), ENOTDIR);
    EXPECT_ERRNO(open("missing", O_RDONLY), ENOENT);
    const int descriptor = open(file.c_str(), O_RDONLY);
    EXPECT(descriptor >= 0 && close(descriptor) == 0);
    char text[16];
    EXPECT(readlink("link", text, sizeof text) == 4);
  }
  return 0;
}

int jumps_out(const std::string& file) {
  for (int round = 0; round < 300; ++round) {
    struct stat status;
    if (sigsetjmp(place, 1) == 0) {
      may_jump = 1;
      for (int i = 0; i < 2000 && may_jump != 0; ++i)
        EXPECT(stat(file.c_str(), &status) == 0 && lstat("link", &status) == 0);
      may_jump = 0;
    }
  }
  return 0;
}

int blocking_open(bool restarts) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK | (restarts ? SA_RESTART : 0);
  sigaction(SIGALRM, &action, nullptr);
  const pid_t child = restarts ? fork() : -1;
  if (child == 0) {
    usleep(30'000);
    const int end = open("fifo", O_WRONLY);
    _exit(end < 0 ? 1 : 0);
  }
  set_timer(2'000);
  const int end = open("fifo", O_RDONLY);
  const int error = errno;
  set_timer(0);
  if (!restarts) {
    EXPECT(end < 0 && error == EINTR);
    return 0;
  }
  EXPECT(end >= 0 && close(end) == 0);
  EXPECT(waitpid(child, nullptr, 0) == child);
  return 0;
}

}  // namespace

int main() {
  EXPECT(make_file("file", "text") && symlink("file", "link") == 0 && mkfifo("fifo", 0600) == 0);
  const stack_t stack{alternate_stack, 0, sizeof alternate_stack};
  EXPECT(sigaltstack(&stack, nullptr) == 0);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  EXPECT(sigaction(SIGALRM, &action, nullptr) == 0);
  const int before = open_descriptors();
  const std::string file = working_directory() + "/file";
  set_timer(300);
  if (calls_under_signals(file) != 0 || jumps_out(file) != 0) return 1;
  set_timer(0);
  EXPECT(count > 10);
  EXPECT(open_descriptors() == before);
  return blocking_open(true) != 0 || blocking_open(false) != 0 ? 1 : 0;
}
