// ".." of the root directory is the root directory, while links are made and removed all the time
// and after thousands of other paths.
#include <atomic>
#include <fcntl.h>
#include <thread>

#include "tests/support/guest_test.h"

namespace {

constexpr int kLooks = 4000;
constexpr unsigned kSpellings = 1024;

int look(ino_t root) {
  struct stat status {};
  EXPECT(fstatat(AT_FDCWD, "..", &status, 0) == 0 && status.st_ino == root);
  const int parent = open("..", O_PATH | O_CLOEXEC);
  EXPECT(parent >= 0 && fstat(parent, &status) == 0 && status.st_ino == root);
  return close(parent);
}

int change_links(const std::string& name, const std::atomic<bool>& is_over) {
  while (!is_over) {
    if (symlink("anything", name.c_str()) != 0 || unlink(name.c_str()) != 0) return 1;
  }
  return 0;
}

}  // namespace

int main() {
  const std::string here = working_directory();
  struct stat root {};
  EXPECT(chdir("/") == 0 && stat("/", &root) == 0);
  std::atomic<bool> is_over = false;
  int failures = 0;
  std::thread changer([&] { failures = change_links(here + "/link", is_over); });
  int seen = 0;
  for (int i = 0; i < kLooks && seen == 0; ++i)
    seen = look(root.st_ino);
  is_over = true;
  changer.join();
  EXPECT(seen == 0 && failures == 0);
  for (unsigned i = 0; i < kSpellings; ++i) {
    std::string path = here;
    for (unsigned bits = i + kSpellings; bits != 1; bits /= 2)
      path += bits % 2 != 0 ? "/." : "//";
    (void)access((path + "/missing").c_str(), F_OK);
  }
  for (int i = 0; i < 50; ++i)
    EXPECT(look(root.st_ino) == 0);
}
