// A script may be interpreted by a script, five deep; the sixth is ELOOP (fs/exec.c).
#include "tests/support/exec_test.h"

int main() {
  const std::string interpreter = program("print_static");
  std::string name = interpreter;
  for (int level = 1; level <= 6; ++level) {
    const std::string script = "./script" + std::to_string(level);
    EXPECT(make_file(script.c_str(), "#!" + name + " arg" + std::to_string(level) + "\n", 0755));
    name = script;
  }
  const Output two = run_program("./script2", {"zero", "one"});
  EXPECT(two.text.starts_with("argc 6\narg " + interpreter +
                              "\narg arg1\narg ./script1\narg arg2\narg ./script2\narg one\n"));
  const Output five = run_program("./script5", {"zero"});
  EXPECT(exited_with(five.status, 42) && five.has("arg arg5") && five.has("arg ./script5"));
  EXPECT(five.has("execfn ./script5") && five.has("exe " + interpreter));
  EXPECT(exec_error(run_program("./script6", {"zero"})) == ELOOP);
  EXPECT(make_file("itself", "#!./itself\n", 0755));
  EXPECT(exec_error(run_program("./itself", {"zero"})) == ELOOP);
}
