// The first line of a script counts up to its 256th byte (BINPRM_BUF_SIZE since Linux 5.1).
#include "tests/support/exec_test.h"

int main() {
  const std::string interpreter = program("print_static");
  const std::string start = "#!" + interpreter + " ";
  const std::string fits(255 - start.size(), 'a');
  EXPECT(make_file("fits", start + fits + "\n", 0755));
  EXPECT(run_program("./fits", {"zero"}).has("arg " + fits));
  EXPECT(make_file("longer", start + fits + "bcd\n", 0755));  // cut: an argument may be
  EXPECT(run_program("./longer", {"zero"}).has("arg " + fits + "b") ||
         run_program("./longer", {"zero"}).has("arg " + fits));
  // An interpreter may not be cut.
  EXPECT(symlink(interpreter.c_str(), std::string(200, 'i').c_str()) == 0);
  EXPECT(
      make_file("cut", "#!" + std::string(100, ' ') + "./" + std::string(200, 'i') + "\n", 0755));
  EXPECT(exec_error(run_program("./cut", {"zero"})) == ENOEXEC);
  EXPECT(
      make_file("whole", "#!" + std::string(40, ' ') + "./" + std::string(200, 'i') + "\n", 0755));
  EXPECT(exited_with(run_program("./whole", {"zero"}).status, 42));
  EXPECT(make_file("spaces", "#!" + std::string(300, ' ') + interpreter + "\n", 0755));
  EXPECT(exec_error(run_program("./spaces", {"zero"})) == ENOEXEC);
}
