// A 32-bit program traces a 32-bit child (programs/trace_i386.cc).
#include "tests/support/guest_test.h"

int main() {
  const std::string name = program("trace_i386");
  const int status = in_child([&] {
    execl(name.c_str(), "trace_i386", nullptr);
    return errno == ENOEXEC ? 77 : 1;
  });
  if (exited_with(status, 77)) SKIP("no i386 programs here");
  if (!exited_with(status, 42)) dprintf(2, "status %#x\n", status);
  EXPECT(exited_with(status, 42));
}
