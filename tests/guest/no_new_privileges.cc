// Set-user-id bits of a guest's file system give nobody another id.
#include <fcntl.h>
#include <sys/prctl.h>

#include "tests/support/exec_test.h"

int main() {
  EXPECT(make_file("program", contents(program("print_static").c_str()), 06755));
  const Output output = run_program("./program", {"x"});
  EXPECT(exited_with(output.status, 42) && output.has("arg x"));
  struct stat status;
  EXPECT(stat("program", &status) == 0 && (status.st_mode & 06000) == 06000);
}
