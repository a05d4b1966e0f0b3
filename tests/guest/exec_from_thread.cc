// exec from a thread that is not the leader: the process keeps its id, the others end.
#include <sys/syscall.h>
#include <thread>

#include "tests/support/exec_test.h"

int main(int argc, char** argv) {
  if (argc == 2) {
    EXPECT(getpid() == std::atoi(argv[1]) && syscall(SYS_gettid) == getpid());
    EXPECT(link_target("/proc/thread-self") == std::string(argv[1]) + "/task/" + argv[1]);
    EXPECT(make_file("written", "after") && contents("written") == "after");
    _exit(42);
  }
  for (int round = 0; round < 20; ++round) {
    const int status = in_child([&] {
      const std::string process = std::to_string(getpid());
      for (int other = 0; other < 3; ++other) {
        std::thread([] {
          for (;;)
            access("/etc/passwd", F_OK);
        }).detach();
      }
      std::thread second([&] { execl(argv[0], "test", process.c_str(), nullptr); });
      second.join();
      return 1;
    });
    EXPECT(exited_with(status, 42));
  }
  // A failed exec leaves all threads as they were.
  std::thread failing([] { execl("/absent", "x", nullptr); });
  failing.join();
  EXPECT(access("written", F_OK) == 0);
}
