// A mount point cannot be renamed, removed or replaced: EBUSY, and the host's file stays.
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  EXPECT(make_file("file", "text") && mkdir("d", 0700) == 0);
  EXPECT_ERRNO(rmdir("/bind/dir"), EBUSY);
  EXPECT_ERRNO(rmdir("/bind/dir/nested"), EBUSY);
  EXPECT_ERRNO(unlink("/bind/file"), EBUSY);
  EXPECT_ERRNO(unlink("/bind/null"), EBUSY);
  EXPECT_ERRNO(rename("/bind/dir", "/bind/moved"), EBUSY);
  EXPECT_ERRNO(rename("/bind/file", "/bind/moved"), EBUSY);
  EXPECT_ERRNO(rename("/bind/dir/nested", "/bind/dir/moved"), EBUSY);
  EXPECT_ERRNO(
      syscall(SYS_renameat2, AT_FDCWD, "/bind/dir", AT_FDCWD, "/bind/again", RENAME_EXCHANGE),
      EBUSY);
  EXPECT(mkdir("/bind/empty", 0700) == 0 && make_file("/bind/plain", "x"));
  EXPECT_ERRNO(rename("/bind/empty", "/bind/dir"), EBUSY);
  EXPECT_ERRNO(rename("/bind/plain", "/bind/file"), EBUSY);
  EXPECT_ERRNO(unlink("/bind/dir"), EISDIR);
  EXPECT_ERRNO(rmdir("/bind/file"), ENOTDIR);
  EXPECT(chdir("/bind/dir") == 0);
  EXPECT_ERRNO(rmdir("../dir"), EBUSY);
  EXPECT_ERRNO(rmdir("nested"), EBUSY);
  EXPECT_ERRNO(rename("nested", "moved"), EBUSY);
  EXPECT_ERRNO(mkdir("/bind/dir", 0700), EEXIST);
  EXPECT_ERRNO(symlink("x", "/bind/dir"), EEXIST);
  EXPECT_ERRNO(link("/work/file", "/bind/dir"), EEXIST);
  EXPECT(contents("/bind/dir/file") == "of the directory\n" && contents("/bind/file") != "");
  EXPECT(contents("nested/file") == "of the nested directory\n");
  EXPECT(rmdir("/bind/empty") == 0 && unlink("/bind/plain") == 0);
}
