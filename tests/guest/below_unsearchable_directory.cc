// From a directory below one that may not be searched everything works that starts there: also by
// /proc/self/cwd, by RESOLVE_IN_ROOT, and for a socket's name.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "tests/support/unix_socket.h"

namespace {
long open_in_root(int base, const char* path, unsigned long long more = 0) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | more;
  return syscall(SYS_openat2, base, path, &how, sizeof how);
}
}  // namespace

int main() {
  if (geteuid() == 0) SKIP("root may search every directory");
  EXPECT(mkdir("closed", 0700) == 0 && mkdir("closed/in", 0700) == 0 && chdir("closed/in") == 0);
  EXPECT(make_file("file", "text") && symlink("/file", "link") == 0);
  const int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  EXPECT(chmod("..", 0600) == 0);

  struct stat status;
  EXPECT(stat("/proc/self/cwd/file", &status) == 0 && stat("/proc/self/cwd/.", &status) == 0);
  EXPECT(mkfifo("/proc/thread-self/cwd/fifo", 0600) == 0 && lstat("fifo", &status) == 0);
  EXPECT(rename("/proc/self/cwd/fifo", "moved") == 0 && unlink("/proc/self/cwd/moved") == 0);
  EXPECT_ERRNO(stat("/proc/self/cwd/absent", &status), ENOENT);
  EXPECT_ERRNO(stat("/proc/self/cwd/file/", &status), ENOTDIR);
  EXPECT_ERRNO(stat("/proc/self/cwd/../in/file", &status), EACCES);
  EXPECT(contents("/proc/self/cwd/file") == "text");

  for (const int base : {AT_FDCWD, here}) {
    if (open_in_root(base, "/") == -1 && errno == ENOSYS) break;
    EXPECT(open_in_root(base, "/file") >= 0 && open_in_root(base, "/link") >= 0);
    EXPECT(open_in_root(base, "..") >= 0 && open_in_root(base, "/../file") >= 0);
    EXPECT(open_in_root(base, "/file", RESOLVE_NO_XDEV) >= 0);
    EXPECT_ERRNO(open_in_root(base, "/absent/below"), ENOENT);
    EXPECT_ERRNO(open_in_root(base, "/absent", RESOLVE_NO_XDEV), ENOENT);
  }

  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT(bind_to(listener, "/proc/self/cwd/s") == 0 && listen(listener, 1) == 0);
  EXPECT(name_of(listener) == "/proc/self/cwd/s");
  EXPECT(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "/proc/self/cwd/s") == 0);
  EXPECT(chdir("/") == 0 && fchdir(here) == 0 && chdir("/proc/self/cwd") == 0);
  EXPECT(fchmodat(here, "..", 0700, 0) == -1 || chdir("/") == 0);
}
