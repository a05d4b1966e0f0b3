// O_NOFOLLOW, O_DIRECTORY, O_CREAT and O_EXCL on files, directories and links.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  EXPECT(mkdir("directory", 0700) == 0 && make_file("file", "text"));
  EXPECT(symlink("file", "to_file") == 0 && symlink("directory", "to_directory") == 0);
  EXPECT(symlink("created", "dangling") == 0);
  EXPECT(symlink((working_directory() + "/far").c_str(), "dangling_far") == 0);

  EXPECT_ERRNO(open("to_file", O_RDONLY | O_NOFOLLOW), ELOOP);
  EXPECT_ERRNO(open("to_directory", O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
  EXPECT_ERRNO(open("to_file", O_CREAT | O_RDWR | O_NOFOLLOW, 0600), ELOOP);
  EXPECT(open("to_directory/", O_RDONLY | O_NOFOLLOW) >= 0);
  EXPECT_ERRNO(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_ERRNO(open("directory", O_WRONLY), EISDIR);
  EXPECT_ERRNO(open("directory", O_CREAT | O_RDONLY, 0600), EISDIR);
  EXPECT_ERRNO(open("file", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
  EXPECT_ERRNO(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
  EXPECT_ERRNO(open("dangling", O_RDONLY), ENOENT);
  EXPECT_ERRNO(access("created", F_OK), ENOENT);

  EXPECT(open("dangling", O_CREAT | O_RDWR, 0600) >= 0);  // makes the link's target
  EXPECT(lstat("created", &status) == 0 && S_ISREG(status.st_mode));
  EXPECT(open("dangling_far", O_CREAT | O_RDWR, 0600) >= 0);
  EXPECT(lstat("far", &status) == 0 && S_ISREG(status.st_mode));
  umask(027);
  EXPECT(open("masked", O_CREAT | O_RDWR, 0666) >= 0);
  EXPECT(stat("masked", &status) == 0 && (status.st_mode & 07777) == 0640);
  const int truncated = open("to_file", O_WRONLY | O_TRUNC);
  EXPECT(truncated >= 0 && fstat(truncated, &status) == 0 && status.st_size == 0);
  EXPECT((fcntl(truncated, F_GETFD) & FD_CLOEXEC) == 0);
}
