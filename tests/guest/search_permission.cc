// A directory without the x bit hides what is below it, also from a ".." or a link behind it.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  if (geteuid() == 0) SKIP("root may search every directory");
  struct stat status;
  EXPECT(mkdir("closed", 0700) == 0 && mkdir("closed/in", 0700) == 0);
  EXPECT(make_file("closed/file", "text") && make_file("file", "outside"));
  EXPECT(symlink("closed/file", "into") == 0 && symlink("closed/../file", "through") == 0);
  const int inside = open("closed/in", O_PATH | O_DIRECTORY);
  EXPECT(inside >= 0 && chmod("closed", 0600) == 0);

  EXPECT(stat("closed", &status) == 0);
  for (const char* path : {"closed/file", "closed/absent", "closed/.", "closed/..", "closed/in/..",
                           "closed/../file", "into", "through", "closed/absent/below"}) {
    EXPECT_ERRNO(stat(path, &status), EACCES);
    EXPECT_ERRNO(open(path, O_RDONLY), EACCES);
  }
  EXPECT_ERRNO(stat((working_directory() + "/closed/../file").c_str(), &status), EACCES);
  EXPECT(lstat("into", &status) == 0);
  EXPECT_ERRNO(mkdir("closed/new", 0700), EACCES);
  EXPECT_ERRNO(rename("closed/file", "moved"), EACCES);
  EXPECT_ERRNO(chdir("closed"), EACCES);
  EXPECT_ERRNO(execl("closed/file", "file", nullptr), EACCES);

  EXPECT(fstatat(inside, "..", &status, 0) == 0);  // searches `in`, not `closed`
  EXPECT_ERRNO(fstatat(inside, "../file", &status, 0), EACCES);
  EXPECT(chmod("closed", 0100) == 0 && stat("closed/file", &status) == 0);
  EXPECT_ERRNO(open("closed", O_RDONLY), EACCES);
  EXPECT(chmod("closed", 0700) == 0);

  // What was found through a link or a mount point is lost as soon as that is.
  EXPECT(symlink("../file", "closed/link") == 0 && stat("closed/link", &status) == 0);
  EXPECT(stat("closed/link", &status) == 0 && chmod("closed", 0600) == 0);
  EXPECT_ERRNO(stat("closed/link", &status), EACCES);
  EXPECT(chmod("closed", 0700) == 0 && stat("closed/link", &status) == 0);
  EXPECT(mkdir("outside", 0700) == 0 && make_file("outside/file", "text"));
  EXPECT(symlink((working_directory() + "/outside").c_str(), "closed/way") == 0);
  const std::string closed = working_directory() + "/closed";
  const int directory = open("closed", O_RDONLY | O_DIRECTORY);
  for (const mode_t mode : {0600, 0677, 0, 01600, 01677, 01000}) {
    const bool by_descriptor = (mode & S_ISVTX) != 0;
    EXPECT(chmod("closed", 0700) == 0 && stat("closed/way/file", &status) == 0);
    EXPECT(stat("closed/way/file", &status) == 0 && access("closed/way/file", R_OK) == 0);
    EXPECT(by_descriptor ? fchmod(directory, mode) == 0 : chmod(closed.c_str(), mode) == 0);
    EXPECT_ERRNO(stat("closed/way/file", &status), EACCES);
    EXPECT_ERRNO(access("closed/way/file", R_OK), EACCES);
    EXPECT_ERRNO(open("closed/way/file", O_RDONLY), EACCES);
  }
  EXPECT(chmod("closed", 0700) == 0);
}
