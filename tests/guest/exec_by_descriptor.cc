// execveat(2): by descriptor, by directory and name, by script; and fexecve(3).
#include <sys/syscall.h>

#include "tests/support/exec_test.h"

namespace {
Output run_at(int base, const char* path, int flags) {
  char* const arguments[] = {const_cast<char*>("zero"), nullptr};
  return output_of([&] { syscall(SYS_execveat, base, path, arguments, environ, flags); });
}
}  // namespace

int main() {
  const std::string path = program("print_static");
  EXPECT(symlink(path.c_str(), "link") == 0);
  EXPECT(make_file("script", "#!" + path + "\n", 0755));
  const int file = open(path.c_str(), O_PATH | O_CLOEXEC);
  const int directory = open(path.substr(0, path.rfind('/')).c_str(), O_PATH | O_CLOEXEC);
  const int here = open(".", O_RDONLY | O_DIRECTORY);

  const Output by_file = run_at(file, "", AT_EMPTY_PATH);
  if (exec_error(by_file) == ENOSYS) SKIP("no execveat");
  EXPECT(exited_with(by_file.status, 42) && by_file.has("exe " + path));
  EXPECT(by_file.has("execfn /dev/fd/" + std::to_string(file)) && by_file.has("arg zero"));
  const Output by_directory = run_at(directory, "print_static", 0);
  EXPECT(by_directory.has("exe " + path));
  EXPECT(by_directory.has("execfn /dev/fd/" + std::to_string(directory) + "/print_static"));
  EXPECT(run_at(999, path.c_str(), 0).has("execfn " + path));
  EXPECT(run_at(AT_FDCWD, "link", 0).has("exe " + path));
  EXPECT(exec_error(run_at(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW)) == ELOOP);
  EXPECT(exec_error(run_at(file, "", 0)) == ENOENT);
  EXPECT(exec_error(run_at(999, "x", 0)) == EBADF);
  EXPECT(exec_error(run_at(file, "x", 0)) == ENOTDIR);
  EXPECT(exec_error(run_at(here, "script", 0x10)) == EINVAL);

  const std::string at_here = "/dev/fd/" + std::to_string(here) + "/script";
  EXPECT(run_at(here, "script", 0).has("arg " + at_here));
  const int script = open("script", O_RDONLY);
  EXPECT(run_at(script, "", AT_EMPTY_PATH).has("arg /dev/fd/" + std::to_string(script)));
  // The interpreter could not open a script by a descriptor that the exec closes.
  EXPECT(fcntl(script, F_SETFD, FD_CLOEXEC) == 0);
  EXPECT(exec_error(run_at(script, "", AT_EMPTY_PATH)) == ENOENT);
}
