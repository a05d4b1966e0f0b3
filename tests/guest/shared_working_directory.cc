// CLONE_FS shares the working directory and umask; threads share them, forked children do not.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <thread>

#include "tests/support/guest_test.h"

namespace {
int go_down(void*) { return chdir("d") == 0 && umask(077) == 022 ? 0 : 1; }

int cloned(int flags) {
  static char stack[65536] __attribute__((aligned(16)));
  const pid_t child = clone(go_down, stack + sizeof stack, flags | SIGCHLD, nullptr);
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}
}  // namespace

int main() {
  const std::string start = working_directory();
  umask(022);
  EXPECT(mkdir("d", 0755) == 0 && mkdir("d/d", 0755) == 0 && make_file("d/file", "text"));
  EXPECT(exited_with(cloned(0), 0) && working_directory() == start && umask(022) == 022);
  EXPECT(exited_with(cloned(CLONE_FS), 0) && working_directory() == start + "/d");
  EXPECT(umask(022) == 077 && contents("file") == "text");
  EXPECT(exited_with(cloned(CLONE_FS | CLONE_VM), 0) && working_directory() == start + "/d/d");

  std::thread([&] { (void)!chdir(start.c_str()); }).join();
  EXPECT(working_directory() == start && contents("d/file") == "text");
  std::thread([&] {  // a thread that leaves the group
    if (unshare(CLONE_FS) == 0) (void)!chdir("d");
  })
      .join();
  EXPECT(working_directory() == start && link_target("/proc/self/cwd") == start);
}
