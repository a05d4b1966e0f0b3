// A program that is being written is ETXTBSY; one that runs cannot be opened for writing.
#include "tests/support/exec_test.h"

int writers_and_programs(const std::string& copy, const std::string& own) {
  EXPECT(make_file("copy", contents(program("print_static").c_str()), 0755));
  const int writer = open("copy", O_WRONLY | O_APPEND | O_CLOEXEC);
  EXPECT(writer >= 0);
  EXPECT(exec_error(run_program(copy, {"zero"})) == ETXTBSY);
  EXPECT(make_file("script", "#!" + copy + "\n", 0755));
  EXPECT(exec_error(run_program("./script", {"zero"})) == ETXTBSY);
  EXPECT(close(writer) == 0 && exited_with(run_program(copy, {"zero"}).status, 42));
  EXPECT_ERRNO(open(own.c_str(), O_WRONLY), ETXTBSY);
  EXPECT_ERRNO(truncate(own.c_str(), 0), ETXTBSY);
  const int directory = open(own.substr(0, own.rfind('/') + 1).c_str(), O_PATH | O_DIRECTORY);
  EXPECT_ERRNO(openat(directory, own.substr(own.rfind('/') + 1).c_str(), O_RDWR), ETXTBSY);
  return 0;
}

int program_that_ran_before(const std::string& copy) {
  sleep(3);  // old enough to be known by its times
  EXPECT(exited_with(run_program(copy, {"zero"}).status, 42));
  EXPECT(exited_with(run_program(copy, {"zero"}).status, 42));
  const int writer = openat(open(".", O_PATH), "copy", O_WRONLY | O_APPEND | O_CLOEXEC);
  EXPECT(writer >= 0 && exec_error(run_program(copy, {"zero"})) == ETXTBSY);
  EXPECT(close(writer) == 0 && exited_with(run_program(copy, {"zero"}).status, 42));
  const int appender = open("copy", O_RDWR | O_CLOEXEC);
  EXPECT(appender >= 0 && exec_error(run_program(copy, {"zero"})) == ETXTBSY);
  EXPECT(write(appender, "#!/no/such\n", 11) == 11 && close(appender) == 0);
  EXPECT(exec_error(run_program(copy, {"zero"})) == ENOENT);
  EXPECT(chmod("copy", 0644) == 0 && exec_error(run_program(copy, {"zero"})) == EACCES);
  return 0;
}

int main(int, char** argv) {
  const std::string copy = working_directory() + "/copy";
  EXPECT(writers_and_programs(copy, argv[0]) == 0);
  EXPECT(program_that_ran_before(copy) == 0);
}
