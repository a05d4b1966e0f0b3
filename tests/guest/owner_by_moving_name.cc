// A change of owner by a name that is given to one file after the other changes an owner, never
// the mode of one file into that of another.
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <sys/wait.h>

#include "tests/support/guest_test.h"

namespace {

constexpr std::chrono::milliseconds kTime{700};

int make(const char* name, mode_t mode, uid_t owner) {
  const int file = open(name, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0600);
  return file >= 0 && fchmod(file, mode) == 0 && fchown(file, owner, owner) == 0 ? file : -1;
}

mode_t mode_of(int file) {
  struct stat status {};
  return fstat(file, &status) == 0 ? status.st_mode & 07777 : 0;
}

int move_name(int closed, int open_to_all) {
  const auto end = std::chrono::steady_clock::now() + kTime;
  for (int round = 0; std::chrono::steady_clock::now() < end; ++round) {
    EXPECT(link(round % 2 == 0 ? "closed" : "open", "next") == 0);
    EXPECT(rename("next", "name") == 0 || errno == ENOENT);
    (void)unlink("next");  // two names of one file stay
    EXPECT(mode_of(closed) == 0600 && mode_of(open_to_all) == 0755);
  }
  return 0;
}

}  // namespace

int main() {
  const int closed = make("closed", 0600, 3), open_to_all = make("open", 0755, 4);
  EXPECT(closed >= 0 && open_to_all >= 0 && link("closed", "name") == 0);
  const pid_t child = fork();
  if (child == 0) {
    for (unsigned round = 0;; ++round)
      (void)chown("name", 10 + round % 9, 10);
  }
  const int failures = move_name(closed, open_to_all);
  EXPECT(kill(child, SIGKILL) == 0 && waitpid(child, nullptr, 0) == child);
  return failures;
}
