// Little address space: calls on paths and the start of programs work as far as they do without
// nestp.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "tests/support/guest_test.h"

namespace {

constexpr rlim_t kMebi = 1 << 20;

int look_around() {
  struct stat status;
  for (int i = 0; i < 3; ++i) {
    EXPECT(stat("file", &status) == 0 && status.st_size == 4 && contents("file") == "text");
    EXPECT_ERRNO(access("absent/file", F_OK), ENOENT);
    EXPECT(working_directory() != "");
  }
  return 0;
}

/// The limit is of address space, of data, or of locked memory.
int look_with(int resource, rlim_t bytes) {
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  EXPECT(setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0);
  return look_around();
}

/// A program that is started in `bytes` of address space.
int start_with(rlim_t bytes, const char* program) {
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
  execl(program, program, "again", nullptr);
  return failed(__FILE__, __LINE__, "execl", errno);
}

}  // namespace

int main(int count, char** words) {
  if (count > 1) return look_around();
  EXPECT(make_file("file", "text"));
  EXPECT(exited_with(in_child([] { return look_with(RLIMIT_AS, 0); }), 0));
  EXPECT(exited_with(in_child([] { return look_with(RLIMIT_DATA, 0); }), 0));
  EXPECT(exited_with(in_child([] { return look_with(RLIMIT_MEMLOCK, 0); }), 0));
  EXPECT(exited_with(in_child([] { return look_with(RLIMIT_NPROC, 1); }), 0));
  for (const rlim_t size : {64 * kMebi, 24 * kMebi, 12 * kMebi}) {
    EXPECT(exited_with(in_child([=] { return start_with(size, words[0]); }), 0));
  }
  return 0;
}
