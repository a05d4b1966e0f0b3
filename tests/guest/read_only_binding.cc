// A read-only binding refuses every change with EROFS, also through descriptors and other names.
#include <cstdlib>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>

#include "tests/support/guest_test.h"

int main() {
  const char* file = "/bind/ro/file";
  EXPECT(contents(file) == "read only\n" && contents("/bind/ro/link") == "read only\n");
  EXPECT_ERRNO(open(file, O_WRONLY), EROFS);
  EXPECT_ERRNO(open(file, O_RDWR), EROFS);
  EXPECT_ERRNO(open("/bind/ro/link", O_RDONLY | O_TRUNC), EROFS);
  EXPECT_ERRNO(open("/bind/ro/new", O_CREAT | O_RDWR, 0600), EROFS);
  EXPECT_ERRNO(open("/bind/ro", O_TMPFILE | O_RDWR, 0600), EROFS);
  EXPECT(open(file, O_CREAT | O_RDONLY, 0600) >= 0);
  EXPECT_ERRNO(open(file, O_CREAT | O_EXCL | O_RDONLY, 0600), EEXIST);
  EXPECT_ERRNO(mkdir("/bind/ro/new", 0700), EROFS);
  EXPECT_ERRNO(mkdir("/bind/ro/sub", 0700), EEXIST);
  EXPECT_ERRNO(rmdir("/bind/ro/sub"), EROFS);
  EXPECT_ERRNO(unlink(file), EROFS);
  EXPECT_ERRNO(unlink("/bind/ro/absent"), EROFS);
  EXPECT_ERRNO(rename(file, "/bind/ro/moved"), EROFS);
  EXPECT_ERRNO(link(file, "/bind/ro/hard"), EROFS);
  EXPECT_ERRNO(symlink("x", "/bind/ro/new"), EROFS);
  EXPECT_ERRNO(mknod("/bind/ro/new", S_IFIFO | 0600, 0), EROFS);
  EXPECT_ERRNO(chmod(file, 0600), EROFS);
  EXPECT_ERRNO(chown(file, getuid(), getgid()), EROFS);
  EXPECT_ERRNO(truncate(file, 0), EROFS);
  EXPECT_ERRNO(utimes(file, nullptr), EROFS);
  EXPECT_ERRNO(setxattr(file, "user.x", "1", 1, 0), EROFS);
  EXPECT_ERRNO(access(file, W_OK), EROFS);
  EXPECT(access(file, R_OK) == 0);
  // Without faccessat2(2) the C library looks at the mode alone.
  if (std::getenv("OLD_KERNEL") == nullptr) {
    EXPECT_ERRNO(faccessat(AT_FDCWD, "/bind/ro/link", W_OK, AT_SYMLINK_NOFOLLOW), EROFS);
  }
  EXPECT_ERRNO(fchmod(open(file, O_RDONLY), 0600), EROFS);
  EXPECT_ERRNO(fchown(open(file, O_RDONLY), getuid(), getgid()), EROFS);
  EXPECT_ERRNO(futimens(open(file, O_RDONLY), nullptr), EROFS);
  EXPECT(chdir("/bind/ro/sub") == 0 && working_directory() == "/bind/ro/sub");
  EXPECT_ERRNO(fchownat(AT_FDCWD, "", getuid(), getgid(), AT_EMPTY_PATH), EROFS);
  EXPECT_ERRNO(fchownat(open(".", O_PATH), "", getuid(), getgid(), AT_EMPTY_PATH), EROFS);
  EXPECT_ERRNO(open("new", O_CREAT | O_RDWR, 0600), EROFS);
  EXPECT_ERRNO(mkdirat(open("..", O_PATH), "new", 0700), EROFS);
  EXPECT_ERRNO(rename("/work", "../moved"), EXDEV);
  struct statvfs status;
  EXPECT(statvfs(".", &status) == 0 && (status.f_flag & ST_RDONLY) != 0);
}
