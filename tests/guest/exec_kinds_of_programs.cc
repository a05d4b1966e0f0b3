// Static, static-pie and dynamic programs start with the right name, arguments and vector.
#include "tests/support/exec_test.h"

int main() {
  for (const char* kind : {"print_static", "print_static_pie", "print_dynamic"}) {
    const std::string path = program(kind);
    if (access(path.c_str(), X_OK) != 0) continue;
    const Output output = run_program(path, {"not the path", "", "two words"});
    EXPECT(exited_with(output.status, 42));
    EXPECT(output.has("argc 3") && output.has("arg not the path") && output.has("arg two words"));
    EXPECT(output.has("exe " + path) && output.has("execfn " + path));
    EXPECT(output.has("phdr 64"));
    const bool dynamic = std::strcmp(kind, "print_dynamic") == 0;
    EXPECT(output.has(dynamic ? "interpreter 1" : "interpreter 0"));

    EXPECT(symlink(path.c_str(), kind) == 0);
    const Output by_link = run_program(std::string("./") + kind, {kind});
    EXPECT(by_link.has("exe " + path) && by_link.has(std::string("execfn ./") + kind));
    EXPECT(run_program("../bin/../work/" + std::string(kind), {kind}).has("exe " + path) ||
           working_directory() != "/work");
  }
  EXPECT(access(program("print_static").c_str(), X_OK) == 0);
  // The program called as its own interpreter's argument.
  if (access("/lib64/ld-linux-x86-64.so.2", X_OK) == 0) {
    const std::string dynamic = program("print_dynamic");
    const Output loaded = run_program("/lib64/ld-linux-x86-64.so.2", {"ld.so", dynamic, "word"});
    EXPECT(exited_with(loaded.status, 42) && loaded.has("arg word"));
  }
}
