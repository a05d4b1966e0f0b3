// renameat2(2): RENAME_NOREPLACE and RENAME_EXCHANGE, and what plain rename(2) refuses.
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

namespace {
int rename_with(const char* from, const char* to, unsigned flags) {
  // Not glibc's: that makes EINVAL of ENOSYS.
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}
}  // namespace

int main() {
  EXPECT(make_file("a", "of a") && make_file("b", "of b") && mkdir("d", 0700) == 0);
  EXPECT(symlink("a", "link") == 0 && mkdir("d/full", 0700) == 0 && mkdir("empty", 0700) == 0);
  EXPECT_ERRNO(rename_with("a", "b", RENAME_NOREPLACE), EEXIST);
  EXPECT_ERRNO(rename_with("a", "link", RENAME_NOREPLACE), EEXIST);
  EXPECT(rename_with("a", "b", RENAME_EXCHANGE) == 0);
  EXPECT(contents("a") == "of b" && contents("b") == "of a" && contents("link") == "of b");
  EXPECT(rename_with("link", "d", RENAME_EXCHANGE) == 0);
  EXPECT(link_target("d") == "a" && access("link/full", F_OK) == 0);
  EXPECT(rename_with("link", "d", RENAME_EXCHANGE) == 0);
  EXPECT_ERRNO(rename_with("a", "absent", RENAME_EXCHANGE), ENOENT);
  EXPECT_ERRNO(rename_with("a", "b", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);

  EXPECT_ERRNO(rename("d", "d/full/below"), EINVAL);
  EXPECT_ERRNO(rename("empty", "d"), ENOTEMPTY);
  EXPECT_ERRNO(rename("a", "empty"), EISDIR);
  EXPECT_ERRNO(rename("empty", "a"), ENOTDIR);
  EXPECT_ERRNO(rename("absent", "x"), ENOENT);
  EXPECT_ERRNO(rename("a", "a/below"), ENOTDIR);
  EXPECT(rename("d/full", "empty") == 0 && access("d/full", F_OK) == -1);
  EXPECT(rename("link", "b") == 0 && link_target("b") == "a");  // the link itself moves
  EXPECT(rename("a", "b") == 0 && contents("b") == "of b" && access("a", F_OK) == -1);
  EXPECT(link("b", "same") == 0 && rename("b", "same") == 0 && access("b", F_OK) == 0);
}
