// "#!": the interpreter gets its one argument, the script's path as called, and the rest.
#include "tests/support/exec_test.h"

int main() {
  const std::string interpreter = program("print_static");
  EXPECT(make_file("script", "#!" + interpreter + "\n", 0755) && mkdir("d", 0700) == 0);
  Output output = run_program("./script", {"zero", "one"});
  EXPECT(exited_with(output.status, 42));
  EXPECT(output.text.starts_with("argc 3\narg " + interpreter + "\narg ./script\narg one\n"));
  EXPECT(output.has("exe " + interpreter) && output.has("execfn ./script"));

  EXPECT(make_file("script", "#! \t" + interpreter + " \t one  argument \t\nmore", 0755));
  output = run_program(working_directory() + "/script", {"zero"});
  EXPECT(output.text.starts_with("argc 3\narg " + interpreter + "\narg one  argument\narg " +
                                 working_directory() + "/script\n"));
  EXPECT(make_file("script", "#!" + interpreter, 0755));  // no newline
  EXPECT(exited_with(run_program("./script", {"zero"}).status, 42));
  EXPECT(symlink("../script", "d/link") == 0);
  EXPECT(run_program("d/link", {"zero"}).has("arg d/link"));
  EXPECT(symlink(interpreter.c_str(), "interpreter") == 0);
  EXPECT(make_file("script", "#!interpreter\n", 0755));  // relative to the working directory
  output = run_program("./script", {"zero"});
  EXPECT(output.has("arg interpreter") && output.has("exe " + interpreter));
  EXPECT(make_file("script",
                   "#!./../" + working_directory().substr(working_directory().rfind('/') + 1) +
                       "/interpreter\r\n",
                   0755));
  EXPECT(exec_error(run_program("./script", {"zero"})) == ENOENT);  // of "interpreter\r"
  EXPECT(make_file("script", "#!\n", 0755));
  EXPECT(exec_error(run_program("./script", {"zero"})) == ENOEXEC);
  EXPECT(make_file("script", "#!/absent\n", 0755));
  EXPECT(exec_error(run_program("./script", {"zero"})) == ENOENT);
  EXPECT(make_file("script", "#!" + interpreter + "\n", 0755));
  output = run_program("./script", {});  // an empty vector
  EXPECT(output.text.starts_with("argc 2\narg " + interpreter + "\narg ./script\n"));
}
