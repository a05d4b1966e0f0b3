// A file, a device and a socket can be bound; each is what it is on the host.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status, null;
  EXPECT(contents("/bind/file") == "a file alone\n");
  EXPECT(stat("/bind/file", &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 13);
  EXPECT_ERRNO(stat("/bind/file/", &status), ENOTDIR);
  EXPECT_ERRNO(stat("/bind/file/below", &status), ENOTDIR);
  EXPECT_ERRNO(stat("/bind/file/..", &status), ENOTDIR);
  EXPECT(lstat("/bind/./file", &status) == 0 && S_ISREG(status.st_mode));
  const int append = open("/bind/file", O_WRONLY | O_APPEND);
  EXPECT(append >= 0 && write(append, "more\n", 5) == 5);
  EXPECT(contents("/bind/file") == "a file alone\nmore\n");
  EXPECT(symlink("../bind/file", "link") == 0 && contents("link") != "");

  EXPECT(stat("/bind/null", &status) == 0 && stat("/dev/null", &null) == 0);
  EXPECT(S_ISCHR(status.st_mode) && status.st_rdev == null.st_rdev);
  EXPECT(write(open("/bind/null", O_WRONLY), "x", 1) == 1 && contents("/bind/null").empty());

  EXPECT(stat("/bind/socket", &status) == 0 && S_ISSOCK(status.st_mode));
  const int end = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{AF_UNIX, "/bind/socket"};
  EXPECT_ERRNO(connect(end, reinterpret_cast<sockaddr*>(&address), sizeof address), ECONNREFUSED);
}
