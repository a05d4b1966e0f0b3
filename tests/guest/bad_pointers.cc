// A path that cannot be read is EFAULT; one that ends with its page is fine.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  const long bad = 8;
  struct stat status;
  for (const long pointer : {0L, bad, -1L, -4096L, 1L << 47, -(1L << 47) - 1}) {
#ifdef SYS_open  // newer ABIs have only the calls with a descriptor
    EXPECT_ERRNO(syscall(SYS_open, pointer, O_RDONLY), EFAULT);
    EXPECT_ERRNO(syscall(SYS_stat, pointer, &status), EFAULT);
    EXPECT_ERRNO(syscall(SYS_unlink, pointer), EFAULT);
    EXPECT_ERRNO(syscall(SYS_rename, pointer, "x"), EFAULT);
    EXPECT_ERRNO(syscall(SYS_symlink, pointer, "x"), EFAULT);
#endif
    EXPECT_ERRNO(syscall(SYS_openat, AT_FDCWD, pointer, O_RDONLY), EFAULT);
    EXPECT_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, pointer, &status, 0), EFAULT);
    EXPECT_ERRNO(syscall(SYS_chdir, pointer), EFAULT);
    EXPECT_ERRNO(syscall(SYS_unlinkat, AT_FDCWD, pointer, 0), EFAULT);
    EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, pointer, AT_FDCWD, "x", 0), EFAULT);
    EXPECT_ERRNO(syscall(SYS_symlinkat, pointer, AT_FDCWD, "x"), EFAULT);
    EXPECT_ERRNO(syscall(SYS_execve, pointer, nullptr, nullptr), EFAULT);
  }
  EXPECT(make_file("file", "text") && symlink("file", "link") == 0);
#ifdef SYS_open
  EXPECT_ERRNO(syscall(SYS_rename, "file", bad), EFAULT);
  EXPECT_ERRNO(syscall(SYS_stat, "file", bad), EFAULT);
  EXPECT_ERRNO(syscall(SYS_readlink, "link", bad, 10), EFAULT);
  EXPECT_ERRNO(syscall(SYS_readlink, "link", bad, 0), EINVAL);
#endif
  EXPECT_ERRNO(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, bad, 0), EFAULT);
  EXPECT_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, "file", bad, 0), EFAULT);
  EXPECT_ERRNO(syscall(SYS_readlinkat, AT_FDCWD, "link", bad, 10), EFAULT);
  EXPECT_ERRNO(syscall(SYS_readlinkat, AT_FDCWD, "link", bad, 0), EINVAL);

  auto* pages = static_cast<char*>(
      mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  EXPECT(mprotect(pages + 4096, 4096, PROT_NONE) == 0);
  char* const last = pages + 4096;
  std::memcpy(last - 5, "file", 5);
  EXPECT(stat(last - 5, &status) == 0 && status.st_size == 4);
  EXPECT(open(last - 5, O_RDONLY) >= 0);
  std::memcpy(last - 4, "file", 4);  // its NUL would be on the closed page
  EXPECT_ERRNO(stat(last - 4, &status), EFAULT);
  EXPECT_ERRNO(open(last - 4, O_RDONLY), EFAULT);
  EXPECT_ERRNO(execl(last - 4, "file", nullptr), EFAULT);
  EXPECT(readlink("link", last - 4, 4) == 4 && std::memcmp(last - 4, "file", 4) == 0);
}
