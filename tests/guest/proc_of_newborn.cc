// Files in /proc of processes that begin and end all the time can be asked for.
#include <dirent.h>
#include <fcntl.h>

#include "tests/support/guest_test.h"

namespace {

constexpr int kMakers = 4, kChildren = 200;

[[noreturn]] void make_children() {
  for (int i = 0; i < kChildren; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, nullptr, 0);
  }
  _exit(0);
}

/// Opens what /proc has of each process, and some that are about to begin.
void ask(pid_t last) {
  for (pid_t id = last; id < last + 8; ++id) {
    for (const char* name : {"status", "setgroups", "maps", "exe", "cwd", "task"}) {
      char path[64];
      std::snprintf(path, sizeof path, "/proc/%d/%s", id, name);
      const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
      if (file >= 0) close(file);
    }
  }
}

/// The number of the newest process (proc_loadavg(5), the last field).
pid_t newest() {
  char text[128];
  const int file = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
  const ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  if (size <= 0) return 0;
  text[size] = 0;
  const char* last = std::strrchr(text, ' ');
  return last != nullptr ? std::atoi(last) : 0;
}

}  // namespace

int main() {
  for (int i = 0; i < kMakers; ++i) {
    const pid_t maker = fork();
    EXPECT(maker >= 0);
    if (maker == 0) make_children();
  }
  int ended = 0, status = 0;
  while (ended < kMakers) {
    ask(newest());
    const pid_t child = waitpid(-1, &status, WNOHANG);
    EXPECT(child >= 0);
    if (child > 0) EXPECT(++ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}
