// /proc/thread-self and /proc/self/task/TID are the calling thread's own.
#include <atomic>
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <thread>

#include "tests/support/guest_test.h"

int main() {
  std::atomic<int> result = -1;
  std::thread second([&] {
    result = [] {
      const std::string thread = std::to_string(syscall(SYS_gettid));
      const std::string process = std::to_string(getpid());
      EXPECT(thread != process);
      EXPECT(link_target("/proc/thread-self") == process + "/task/" + thread);
      EXPECT(link_target("/proc/self") == process);
      const std::string task = "/proc/self/task/" + thread;
      EXPECT(link_target((task + "/cwd").c_str()) == working_directory());
      EXPECT(link_target((task + "/exe").c_str()) == link_target("/proc/self/exe"));
      EXPECT(link_target("/proc/thread-self/fd/0") == link_target("/proc/self/fd/0"));
      EXPECT(contents((task + "/comm").c_str()) == contents("/proc/thread-self/comm"));
      EXPECT(access(("/proc/" + thread + "/status").c_str(), R_OK) == 0);  // unlisted, but there
      int entries = 0;
      DIR* listing = opendir("/proc/self/task");
      while (readdir(listing) != nullptr)
        ++entries;
      closedir(listing);
      EXPECT(entries == 4);  // ".", "..", two threads
      return 0;
    }();
  });
  second.join();
  EXPECT(link_target("/proc/thread-self") ==
         std::to_string(getpid()) + "/task/" + std::to_string(getpid()));
  return result;
}
