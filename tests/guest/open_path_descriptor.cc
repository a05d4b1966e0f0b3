// O_PATH gives a descriptor of a place: for fstat, *at and fchdir, not for reading.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  char text[64];
  EXPECT(mkdir("directory", 0700) == 0 && make_file("directory/file", "text"));
  EXPECT(symlink("directory/file", "link") == 0 && make_file("closed", "x", 0000));

  const int file = open("link", O_PATH);
  EXPECT(file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode));
  EXPECT_ERRNO(read(file, text, 1), EBADF);
  EXPECT_ERRNO(fchmod(file, 0600), EBADF);
  EXPECT(open("closed", O_PATH) >= 0);  // needs no permission on the file itself

  const int link = open("link", O_PATH | O_NOFOLLOW);
  EXPECT(link >= 0 && fstat(link, &status) == 0 && S_ISLNK(status.st_mode));
  EXPECT(readlinkat(link, "", text, sizeof text) == 14 &&
         std::memcmp(text, "directory/file", 14) == 0);
  EXPECT_ERRNO(open("link", O_PATH | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);

  const int directory = open("directory", O_PATH);
  EXPECT(directory >= 0 && fstatat(directory, "file", &status, 0) == 0 && status.st_size == 4);
  const int again = openat(directory, "file", O_RDONLY);
  EXPECT(again >= 0 && read(again, text, 4) == 4);
  EXPECT_ERRNO(openat(file, "below", O_RDONLY), ENOTDIR);

  const int reopened = open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDONLY);
  EXPECT(reopened >= 0 && read(reopened, text, 4) == 4 && std::memcmp(text, "text", 4) == 0);
  EXPECT(fchdir(directory) == 0 && access("file", R_OK) == 0);
}
