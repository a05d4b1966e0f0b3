// readlink(2) gives the text as it was written, cut to the buffer.
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  char text[8] = "zzzzzzz";
  EXPECT(symlink("../a//b/./c/", "link") == 0 && link_target("link") == "../a//b/./c/");
  EXPECT(readlink("link", text, 4) == 4 && std::memcmp(text, "../azzz", 7) == 0);
  EXPECT(symlink("/absolute/path", "absolute") == 0);
  EXPECT(link_target("absolute") == "/absolute/path");
  EXPECT(symlink("link", "second") == 0 && link_target("second") == "link");
  EXPECT_ERRNO(readlink("absent", text, sizeof text), ENOENT);
  EXPECT_ERRNO(readlink(".", text, sizeof text), EINVAL);
  EXPECT_ERRNO(syscall(SYS_readlinkat, AT_FDCWD, "link", text, 0), EINVAL);
  EXPECT_ERRNO(syscall(SYS_readlinkat, AT_FDCWD, "link", text, -1), EINVAL);

  struct stat status;
  EXPECT(lstat("absolute", &status) == 0 && status.st_size == 14);
  const std::string self = working_directory() + "/link";
  EXPECT(link_target(self.c_str()) == "../a//b/./c/");
  EXPECT(link_target((working_directory() + "/./../" +
                      working_directory().substr(working_directory().rfind('/') + 1) + "/link")
                         .c_str()) == "../a//b/./c/");
  EXPECT_ERRNO(readlink("link/", text, sizeof text), ENOENT);
}
