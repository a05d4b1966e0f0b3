// A program that is being written is ETXTBSY; one that runs cannot be opened for writing.
#include "tests/support/exec_test.h"

int main(int, char** argv) {
  const std::string copy = working_directory() + "/copy";
  EXPECT(make_file("copy", contents(program("print_static").c_str()), 0755));
  const int writer = open("copy", O_WRONLY | O_APPEND | O_CLOEXEC);
  EXPECT(writer >= 0);
  EXPECT(exec_error(run_program(copy, {"zero"})) == ETXTBSY);
  EXPECT(make_file("script", "#!" + copy + "\n", 0755));
  EXPECT(exec_error(run_program("./script", {"zero"})) == ETXTBSY);
  EXPECT(close(writer) == 0 && exited_with(run_program(copy, {"zero"}).status, 42));
  EXPECT_ERRNO(open(argv[0], O_WRONLY), ETXTBSY);
  EXPECT_ERRNO(truncate(argv[0], 0), ETXTBSY);
}
