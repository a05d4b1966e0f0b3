// A timer signal every millisecond or so changes no result of the calls it meets.
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

#include "tests/support/guest_test.h"
#include "tests/support/timer_period.h"

namespace {
volatile sig_atomic_t signals = 0;
volatile sig_atomic_t wrong = 0;
std::string file;
void handler(int) {
  const int saved = errno;
  struct stat status;
  if (stat(file.c_str(), &status) != 0 || status.st_size != 4) wrong = wrong + 1;
  if (access("absent", F_OK) != -1 || errno != ENOENT) wrong = wrong + 1;
  signals = signals + 1;
  errno = saved;
}
}  // namespace

int main() {
  file = working_directory() + "/file";
  EXPECT(make_file("file", "text") && symlink("file", "link") == 0 && mkdir("d", 0700) == 0);
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  const long period = timer_period(1000);
  const itimerval every = {{0, period}, {0, period}};
  EXPECT(sigaction(SIGALRM, &action, nullptr) == 0 && setitimer(ITIMER_REAL, &every, nullptr) == 0);
  for (int round = 0; round < 3000; ++round) {
    char text[8];
    struct stat status;
    const int link = open(round % 2 ? "link" : "d/../link", O_RDONLY);
    EXPECT(link >= 0 && read(link, text, 8) == 4 && close(link) == 0);
    EXPECT_ERRNO(open("absent/below", O_RDONLY), ENOENT);
    EXPECT(readlink("link", text, 8) == 4 && std::memcmp(text, "file", 4) == 0);
    EXPECT(mkdir("d/new", 0700) == 0 && rename("d/new", "d/old") == 0 && rmdir("d/old") == 0);
    EXPECT(lstat("link", &status) == 0 && S_ISLNK(status.st_mode));
    EXPECT(chdir("d") == 0 && chdir("..") == 0);
    if (round % 100 == 0) EXPECT(exited_with(in_child([] { return access("link", F_OK); }), 0));
  }
  EXPECT(wrong == 0 && signals > 0);
}
