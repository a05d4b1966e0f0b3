// Files of /proc that are made up for a guest open like any other: with every flag, by every call.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

namespace {
std::string field(const char* name) {
  const std::string text = contents("/proc/self/status");
  const std::size_t at = text.find(std::string("\n") + name + ":\t");
  return at == text.npos ? "absent" : text.substr(text.find('\t', at) + 1, 1);
}

bool reads(int descriptor, const char* expected) {
  char text[65536];
  std::size_t size = 0;
  for (ssize_t got; (got = read(descriptor, text + size, sizeof text - size)) > 0;)
    size += static_cast<std::size_t>(got);
  close(descriptor);
  return std::string(text, size).find(expected) != std::string::npos;
}
}  // namespace

int main() {
  EXPECT(reads(open("/proc/self/maps", O_RDONLY | O_NOFOLLOW), "[stack]"));
  EXPECT(reads(open("/proc/self/status", O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "TracerPid:\t0"));
  EXPECT_ERRNO(open("/proc/self/maps", O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_ERRNO(open("/proc/mounts", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
  const int process = open("/proc/self", O_PATH | O_DIRECTORY);
  EXPECT(process >= 0 && reads(openat(process, "mountinfo", O_RDONLY), " / "));
  EXPECT(reads(openat(process, "status", O_RDONLY | O_CLOEXEC), "TracerPid:\t0"));
  EXPECT(chdir("/proc/self") == 0 && reads(open("status", O_RDONLY), "TracerPid:\t0"));
  EXPECT(reads(open("mountinfo", O_RDONLY), " / "));
  open_how how{};
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const int beneath = static_cast<int>(syscall(SYS_openat2, process, "smaps", &how, sizeof how));
  if (beneath >= 0 || errno != ENOSYS) EXPECT(reads(beneath, "Size:"));
  const int maps = open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC);
  EXPECT((fcntl(maps, F_GETFL) & O_ACCMODE) == O_RDONLY && fcntl(maps, F_GETFD) == FD_CLOEXEC);
  const std::string name = link_target(("/proc/self/fd/" + std::to_string(maps)).c_str());
  EXPECT(name.starts_with("/proc/") && name.ends_with("/maps"));
  EXPECT_ERRNO(write(maps, "x", 1), EBADF);

  EXPECT(field("NoNewPrivs")[0] - '0' == prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  EXPECT_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
  EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && field("NoNewPrivs") == "1");
  EXPECT(
      exited_with(in_child([] { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1; }), 0));
}
