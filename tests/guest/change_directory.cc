// chdir(2) and fchdir(2) by links, descriptors and "..", and what getcwd(2) says then.
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  const std::string start = working_directory();
  EXPECT(mkdir("a", 0700) == 0 && mkdir("a/b", 0700) == 0 && make_file("file", "text"));
  EXPECT(symlink("a/b", "link") == 0);
  EXPECT(chdir("link") == 0 && working_directory() == start + "/a/b");  // the link is gone from it
  EXPECT(chdir("..") == 0 && working_directory() == start + "/a");
  EXPECT(chdir((start + "/link/..").c_str()) == 0 && working_directory() == start + "/a");
  EXPECT(chdir("./b/../.") == 0 && working_directory() == start + "/a");
  EXPECT_ERRNO(chdir("../file"), ENOTDIR);
  EXPECT_ERRNO(chdir("absent"), ENOENT);
  EXPECT_ERRNO(chdir(""), ENOENT);
  EXPECT(working_directory() == start + "/a");

  const int directory = open("b", O_RDONLY);
  EXPECT(fchdir(directory) == 0 && working_directory() == start + "/a/b");
  EXPECT_ERRNO(fchdir(open("../../file", O_RDONLY)), ENOTDIR);
  EXPECT_ERRNO(fchdir(999), EBADF);
  EXPECT(chdir("/") == 0 && working_directory() == "/");
  EXPECT(chdir(start.c_str()) == 0);

  char path[4096];
  EXPECT(syscall(SYS_getcwd, path, sizeof path) == static_cast<long>(start.size()) + 1);
  EXPECT(syscall(SYS_getcwd, path, start.size() + 1) == static_cast<long>(start.size()) + 1);
  EXPECT_ERRNO(syscall(SYS_getcwd, path, start.size()), ERANGE);
  EXPECT_ERRNO(syscall(SYS_getcwd, path, 1UL), ERANGE);
  EXPECT_ERRNO(syscall(SYS_getcwd, nullptr, sizeof path), EFAULT);
  EXPECT(exited_with(in_child([] { return chdir("a/b"); }), 0) && working_directory() == start);
}
