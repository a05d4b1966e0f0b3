// *xattr(2) follow links, l*xattr(2) do not, and the *xattrat family (Linux 6.13) takes a base.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "tests/support/guest_test.h"

namespace {
constexpr long kSetxattrat = 463, kGetxattrat = 464, kListxattrat = 465, kRemovexattrat = 466;
struct XattrArgs {
  unsigned long long value;
  unsigned size, flags;
};
}  // namespace

int main() {
  char value[64];
  EXPECT(make_file("file", "text") && symlink("file", "link") == 0 && mkdir("d", 0700) == 0);
  if (setxattr("file", "user.one", "1", 1, 0) == -1) {
    EXPECT(errno == EOPNOTSUPP);
    SKIP("no user attributes on this file system");
  }
  EXPECT(getxattr("link", "user.one", value, sizeof value) == 1 && value[0] == '1');
  EXPECT_ERRNO(lgetxattr("link", "user.one", value, sizeof value), ENODATA);
  EXPECT_ERRNO(lsetxattr("link", "user.two", "2", 1, 0), EPERM);
  EXPECT(setxattr("link", "user.two", "22", 2, XATTR_CREATE) == 0);
  EXPECT(listxattr("link", value, sizeof value) >= 18 && llistxattr("file", nullptr, 0) >= 18);
  EXPECT(removexattr("link", "user.two") == 0);
  EXPECT_ERRNO(lremovexattr("file", "user.two"), ENODATA);
  EXPECT_ERRNO(getxattr("absent", "user.one", value, 1), ENOENT);
  EXPECT_ERRNO(getxattr("link/", "user.one", value, 1), ENOTDIR);

  XattrArgs args{reinterpret_cast<unsigned long long>(value), sizeof value, 0};
  const int base = open("d", O_PATH);
  const long got = syscall(kGetxattrat, base, "../link", 0, "user.one", &args, sizeof args);
  if (got == -1 && errno == ENOSYS) SKIP("no getxattrat");
  EXPECT(got == 1 && value[0] == '1');
  EXPECT_ERRNO(
      syscall(kGetxattrat, base, "../link", AT_SYMLINK_NOFOLLOW, "user.one", &args, sizeof args),
      ENODATA);
  args.size = 1;
  EXPECT(syscall(kSetxattrat, base, "../link", 0, "user.at", &args, sizeof args) == 0);
  EXPECT(getxattr("file", "user.at", value, sizeof value) == 1);
  EXPECT(syscall(kListxattrat, base, "../file", 0, value, sizeof value) >= 17);
  EXPECT(syscall(kRemovexattrat, base, "../link", 0, "user.at") == 0);
}
