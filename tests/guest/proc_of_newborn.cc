// Files in /proc of processes that begin and end all the time can be asked for.
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
  const std::string text = contents("/proc/loadavg");
  const std::size_t last = text.rfind(' ');
  return last != text.npos ? std::atoi(text.c_str() + last) : 0;
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
    if (child == 0) continue;
    ++ended;
    EXPECT(exited_with(status, 0));
  }
}
