// The errno of each way in which execve(2) can fail.
#include "tests/support/exec_test.h"

namespace {
int error_of(const std::string& path) { return exec_error(run_program(path, {"zero"})); }
}  // namespace

int main() {
  const std::string good = contents(program("print_static").c_str());
  EXPECT(mkdir("d", 0755) == 0 && make_file("plain", "no program\n", 0755));
  EXPECT(make_file("closed", good, 0644) && make_file("empty", "", 0755));
  EXPECT(make_file("short", good.substr(0, 20), 0755) && symlink("self", "self") == 0);
  EXPECT(error_of("absent") == ENOENT && error_of("") == ENOENT && error_of("absent/x") == ENOENT);
  EXPECT(error_of("d") == EACCES && error_of("closed") == EACCES &&
         error_of("/dev/null") == EACCES);
  EXPECT(error_of("plain") == ENOEXEC && error_of("empty") == ENOEXEC);
  EXPECT(error_of("short") == ENOEXEC && error_of("self") == ELOOP);
  EXPECT(error_of("plain/x") == ENOTDIR && error_of("plain/") == ENOTDIR);
  EXPECT(error_of(std::string(5000, 'n')) == ENAMETOOLONG);
  EXPECT(error_of(std::string(256, 'n')) == ENAMETOOLONG);

  std::string foreign = good;
  foreign[18] = 0x77;  // e_machine
  EXPECT(make_file("foreign", foreign, 0755) && error_of("foreign") == ENOEXEC);
  EXPECT(make_file("script", "#!./d\n", 0755) && error_of("./script") == EACCES);
  EXPECT(make_file("script", "#!./closed\n", 0755) && error_of("./script") == EACCES);
  EXPECT(make_file("script", "#!./plain\n", 0755) && error_of("./script") == ENOEXEC);
  EXPECT(chmod("script", 0644) == 0 && error_of("./script") == EACCES);

  // An interpreter (PT_INTERP) that is absent, and one that is no program.
  std::string dynamic = contents(program("print_dynamic").c_str());
  const std::size_t at = dynamic.find("/lib64/ld-linux");
  if (at == std::string::npos) return 0;
  EXPECT(make_file("lost", dynamic.replace(at, 7, "/lib65/"), 0755) &&
         error_of("./lost") == ENOENT);
  EXPECT(make_file("broken",
                   dynamic.replace(at, 28, std::string("./plain") + std::string(21, '\0')), 0755));
  EXPECT(make_file("plain", std::string(4096, 'x'), 0755) && error_of("./broken") == ELIBBAD);
  EXPECT(make_file("plain", "x", 0755) && error_of("./broken") == EIO);
}
