// A working directory that was removed: getcwd(2) and all relative names are ENOENT.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  const std::string start = working_directory();
  EXPECT(mkdir("gone", 0700) == 0 && chdir("gone") == 0 && rmdir("../gone") == 0);
  errno = 0;
  EXPECT(getcwd(nullptr, 0) == nullptr && errno == ENOENT);
  EXPECT(stat(".", &status) == 0 && status.st_nlink == 0);
  EXPECT_ERRNO(open("file", O_CREAT | O_RDWR, 0600), ENOENT);
  EXPECT_ERRNO(mkdir("below", 0700), ENOENT);
  EXPECT_ERRNO(stat("file", &status), ENOENT);
  EXPECT(link_target("/proc/self/cwd") == start + "/gone (deleted)");
  EXPECT(stat("..", &status) == 0);  // the kernel still knows the parent
  EXPECT(
      exited_with(in_child([] { return access("x", F_OK) == -1 && errno == ENOENT ? 5 : 6; }), 5));

  // The name is used again, by another directory.
  EXPECT(mkdir((start + "/gone").c_str(), 0700) == 0 &&
         make_file((start + "/gone/file").c_str(), "new"));
  EXPECT_ERRNO(stat("file", &status), ENOENT);
  EXPECT_ERRNO(stat("./file", &status), ENOENT);
  EXPECT(chdir("..") == 0 && working_directory() == start && stat("gone/file", &status) == 0);

  const int directory = open("gone", O_RDONLY | O_DIRECTORY);
  EXPECT(unlink("gone/file") == 0 && rmdir("gone") == 0);
  EXPECT_ERRNO(openat(directory, "file", O_CREAT | O_RDWR, 0600), ENOENT);
  EXPECT_ERRNO(fstatat(directory, "file", &status, 0), ENOENT);
  EXPECT(fstatat(directory, "", &status, AT_EMPTY_PATH) == 0);
  EXPECT(fchdir(directory) == 0);
  EXPECT_ERRNO(getcwd(nullptr, 0) == nullptr ? -1 : 0, ENOENT);

  // The way up from there: by the directories that were above, whatever has their names now.
  EXPECT(chdir(start.c_str()) == 0 && mkdir("up", 0700) == 0 && mkdir("up/in", 0700) == 0);
  EXPECT(chdir("up/in") == 0 && rmdir("../in") == 0);
  EXPECT(make_file("../file", "up") && symlink("file", "../link") == 0);
  EXPECT(contents("../link") == "up" && contents("././/../link") == "up");
  EXPECT(unlink("../file") == 0 && unlink("../link") == 0 && rmdir("../../up") == 0);
  EXPECT(mkdir((start + "/up").c_str(), 0700) == 0 &&
         make_file((start + "/up/file").c_str(), "new"));
  EXPECT_ERRNO(stat("../file", &status), ENOENT);
  EXPECT_ERRNO(execl("../file", "file", nullptr), ENOENT);
  EXPECT_ERRNO(execl("..", "..", nullptr), EACCES);
  EXPECT(make_file((start + "/link_there").c_str(), "found") &&
         symlink("link_there", (start + "/again").c_str()) == 0);
  EXPECT(contents("../../again") == "found");
  EXPECT(symlink((start + "/link_there").c_str(), (start + "/absolute").c_str()) == 0);
  EXPECT(contents("./../../absolute") == "found");
  // The same by the link in /proc.
  EXPECT(contents("/proc/self/cwd/../../again") == "found");
  EXPECT(contents("/proc/thread-self/cwd/.././../absolute") == "found");
  EXPECT(stat("/proc/self/cwd/../..", &status) == 0 && access("/proc/self/cwd/..", X_OK) == 0);
  EXPECT_ERRNO(stat("/proc/self/cwd/../file", &status), ENOENT);
  EXPECT_ERRNO(stat("/proc/self/cwd/x/..", &status), ENOENT);
  EXPECT_ERRNO(mkdir("/proc/self/cwd/../..", 0700), EEXIST);
  const int above = open("/proc/self/cwd/../..", O_PATH | O_DIRECTORY);
  EXPECT(link_target(("/proc/self/fd/" + std::to_string(above)).c_str()) == start);
  if (geteuid() != 0) {  // root may search every directory
    const int here = open(".", O_RDONLY | O_DIRECTORY);
    EXPECT(fchmod(here, 0600) == 0);
    for (const char* path : {"..", "../..", "../../again", "/proc/self/cwd/../../again",
                             "/proc/self/cwd/../..", "/proc/self/cwd/x/.."}) {
      EXPECT_ERRNO(stat(path, &status), EACCES);
      EXPECT_ERRNO(open(path, O_RDONLY), EACCES);
    }
    EXPECT(fchmod(here, 0700) == 0 && contents("../../again") == "found");
  }
  open_how how{};
  how.flags = O_RDONLY;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  const long file = syscall(SYS_openat2, AT_FDCWD, "./../../absolute", &how, sizeof how);
  EXPECT(file >= 0 || errno == ENOSYS);
}
