// io_uring_setup(2) is ENOSYS: a ring's path operations would go past the view.
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

int main() {
  char parameters[120] = {};
  EXPECT_ERRNO(syscall(SYS_io_uring_setup, 4, parameters), ENOSYS);
}
