// The root directory is its own parent, by every way to it.
#include <fcntl.h>

#include "tests/support/guest_test.h"

namespace {
bool is_root(const char* path) {
  struct stat root, other;
  return stat("/", &root) == 0 && stat(path, &other) == 0 && root.st_ino == other.st_ino &&
         root.st_dev == other.st_dev;
}
}  // namespace

int main() {
  const std::string start = working_directory();
  for (const char* path : {"/..", "/../", "/../..", "/../../..", "/./..", "//..", "/bin/../.."}) {
    EXPECT(is_root(path));
  }
  EXPECT(symlink("/..", "link") == 0 && symlink("../../../../../../../../../..", "relative") == 0);
  EXPECT(is_root("link") && is_root("link/../.") && is_root("relative"));

  EXPECT(chdir("/") == 0 && is_root("..") && is_root("../..") && is_root("."));
  EXPECT(chdir("..") == 0 && working_directory() == "/");
  EXPECT(chdir("/../proc/..") == 0 && working_directory() == "/");
  const int root = open("/", O_PATH | O_DIRECTORY);
  struct stat status;
  struct stat above;
  EXPECT(fstat(root, &status) == 0 && fstatat(root, "..", &above, 0) == 0);
  EXPECT(status.st_ino == above.st_ino && status.st_dev == above.st_dev);
  EXPECT(fstatat(root, (".." + start).c_str(), &above, 0) == 0 && S_ISDIR(above.st_mode));
  const int up = openat(root, "..", O_RDONLY | O_DIRECTORY);
  EXPECT(up >= 0 && fchdir(up) == 0 && working_directory() == "/");
}
