// Nothing can be renamed out of a removed directory, or into it: ENOENT, unless a mount lies
// between.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  EXPECT(mkdir("gone", 0700) == 0 && make_file("file", "text"));
  const std::string start = working_directory();
  EXPECT(chdir("gone") == 0 && rmdir("../gone") == 0);
  EXPECT_ERRNO(rename("a", (start + "/file").c_str()), ENOENT);
  EXPECT_ERRNO(rename((start + "/file").c_str(), "a"), ENOENT);
  if (std::getenv("VIEW") == nullptr) return 0;
  // The namespace backend mounts the entries of a directory that lacks a mount point.
  if (rename("/work/absent", "/bind/absent") == -1 && errno == EXDEV) return 0;
  // /bind/dir is a mount point in /bind, which is on the removed directory's own mount.
  EXPECT_ERRNO(rename("a", "/bind/dir"), ENOENT);
  EXPECT_ERRNO(rename("/bind/dir", "a"), ENOENT);
  EXPECT_ERRNO(rename("a", "/bind/dir/file"), EXDEV);
  EXPECT_ERRNO(rename("/bind/dir/nested", "a"), EXDEV);
}
