// symlink(2) finds fault with the text before it looks at the path.
#include "tests/support/guest_test.h"

int main() {
  const std::string long_text(4097, 'x');
  EXPECT_ERRNO(symlink(long_text.c_str(), "absent/link"), ENAMETOOLONG);
  EXPECT_ERRNO(symlink("", "absent/../link"), ENOENT);
  EXPECT_ERRNO(symlink(reinterpret_cast<const char*>(8), "absent/../link"), EFAULT);
  EXPECT(symlink("loop", "loop") == 0);
  EXPECT_ERRNO(symlink(long_text.c_str(), "loop/link"), ENAMETOOLONG);
  EXPECT_ERRNO(symlink(reinterpret_cast<const char*>(8), "loop/link"), EFAULT);
  EXPECT_ERRNO(symlink("text", "loop/link"), ELOOP);
}
