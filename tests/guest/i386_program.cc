// A 32-bit program makes its calls, keeps its registers and execs itself.
#include "tests/support/exec_test.h"

int main() {
  const Output output = run_program(program("freestanding_i386"), {"i386"});
  if (exec_error(output) == ENOEXEC) SKIP("this kernel runs no 32-bit programs");
  EXPECT(exited_with(output.status, 42));
  EXPECT(make_file("script", "#!" + program("freestanding_i386") + "\n", 0755));
  EXPECT(mkdir("again", 0700) == 0 && chdir("again") == 0);
  EXPECT(exited_with(run_program("../script", {"zero"}).status, 42));
}
