// 2,000 processes alive at once, each with calls of its own; all are reaped.
#include <fcntl.h>
#include <sys/resource.h>
#include <vector>

#include "tests/support/guest_test.h"

int main() {
  constexpr int kProcesses = 2000;
  rlimit limit;
  EXPECT(getrlimit(RLIMIT_NPROC, &limit) == 0);
  if (limit.rlim_cur < kProcesses + 200) SKIP("fewer processes are allowed");
  int ready[2], go[2];
  EXPECT(pipe(ready) == 0 && pipe(go) == 0);
  std::vector<pid_t> children;
  for (int number = 0; number < kProcesses; ++number) {
    const pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
      char byte = 'x';
      close(go[1]);
      if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 0) _exit(1);
      const std::string name = "f" + std::to_string(getpid());
      if (mkdir(name.c_str(), 0700) != 0 || chdir(name.c_str()) != 0) _exit(2);
      if (working_directory().find(name) == std::string::npos) _exit(3);
      _exit(rmdir(("../" + name).c_str()) == 0 ? number % 100 : 101);
    }
    children.push_back(child);
  }
  char byte;
  for (int number = 0; number < kProcesses; ++number)
    EXPECT(read(ready[0], &byte, 1) == 1);
  EXPECT(close(go[1]) == 0);
  for (int number = 0; number < kProcesses; ++number) {
    int status = 0;
    EXPECT(waitpid(children[static_cast<std::size_t>(number)], &status, 0) > 0);
    EXPECT(exited_with(status, number % 100));
  }
  EXPECT_ERRNO(waitpid(-1, nullptr, 0), ECHILD);
}
