// 64 threads that open, make and remove files at once each get their own results.
#include <atomic>
#include <fcntl.h>
#include <thread>
#include <vector>

#include "tests/support/guest_test.h"

namespace {
int work(int number) {
  const std::string name = "file" + std::to_string(number);
  struct stat status;
  for (int round = 0; round < 50; ++round) {
    EXPECT(make_file(name.c_str(), name));
    EXPECT(contents((working_directory() + "/" + name).c_str()) == name);
    EXPECT(stat(name.c_str(), &status) == 0 && status.st_size == static_cast<long>(name.size()));
    EXPECT_ERRNO(open((name + "/x").c_str(), O_RDONLY), ENOTDIR);
    EXPECT(symlink(name.c_str(), (name + ".link").c_str()) == 0);
    EXPECT(contents((name + ".link").c_str()) == name);
    EXPECT(unlink((name + ".link").c_str()) == 0 && unlink(name.c_str()) == 0);
    EXPECT_ERRNO(stat(name.c_str(), &status), ENOENT);
  }
  return 0;
}
}  // namespace

int main() {
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int number = 0; number < 64; ++number) {
    threads.emplace_back([&failures, number] { failures += work(number); });
  }
  for (std::thread& thread : threads)
    thread.join();
  return failures == 0 ? 0 : 1;
}
