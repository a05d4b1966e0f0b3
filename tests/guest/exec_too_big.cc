// Arguments: 128 KiB for one string, a quarter of the stack limit for all; else E2BIG.
#include <sys/resource.h>

#include "tests/support/exec_test.h"

int main() {
  const std::string path = program("print_static");
  const rlimit stack = {8UL << 20, 8UL << 20};
  EXPECT(setrlimit(RLIMIT_STACK, &stack) == 0);
  EXPECT(exited_with(run_program(path, {"zero", std::string(131071, 'x')}).status, 42));
  EXPECT(exec_error(run_program(path, {"zero", std::string(131072, 'x')})) == E2BIG);

  std::vector<std::string> words(15, std::string(131071, 'x'));
  const Output much = run_program(path, words);
  EXPECT(exited_with(much.status, 42) && much.has("argc 15") && much.has("execfn " + path));
  words.resize(17, std::string(131071, 'x'));
  EXPECT(exec_error(run_program(path, words)) == E2BIG);
  EXPECT(run_program(path, std::vector<std::string>(20000, "x")).has("argc 20000"));
  EXPECT(make_file("script", "#!" + path + "\n", 0755));
  words.resize(15);
  EXPECT(run_program("./script", words).has("argc 16"));
}
