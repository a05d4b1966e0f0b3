// mknod(2), mkdir(2), link(2), symlink(2) on a dangling link are EEXIST and create nothing.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  EXPECT(symlink("nowhere", "link") == 0 && make_file("file", "text"));
  EXPECT(symlink((working_directory() + "/nowhere").c_str(), "far") == 0);
  for (const char* path : {"link", "far"}) {
    EXPECT_ERRNO(mknod(path, S_IFREG | 0600, 0), EEXIST);
    EXPECT_ERRNO(mknod(path, S_IFIFO | 0600, 0), EEXIST);
    EXPECT_ERRNO(mknodat(AT_FDCWD, path, S_IFREG | 0600, 0), EEXIST);
    EXPECT_ERRNO(mkdir(path, 0700), EEXIST);
    EXPECT_ERRNO(link("file", path), EEXIST);
    EXPECT_ERRNO(symlink("file", path), EEXIST);
    EXPECT_ERRNO(mkfifo(path, 0600), EEXIST);
  }
  EXPECT_ERRNO(access("nowhere", F_OK), ENOENT);
  EXPECT(rename("file", "link") == 0 && contents("link") == "text");  // replaces the link

  EXPECT(mkfifo("fifo", 0600) == 0 && stat("fifo", &status) == 0 && S_ISFIFO(status.st_mode));
  EXPECT(mknod("regular", S_IFREG | 0600, 0) == 0 && stat("regular", &status) == 0);
  EXPECT(S_ISREG(status.st_mode));
  EXPECT(mknod("socket", S_IFSOCK | 0600, 0) == 0 && stat("socket", &status) == 0);
  EXPECT(S_ISSOCK(status.st_mode));
}
