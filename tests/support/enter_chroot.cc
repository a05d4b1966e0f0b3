// Enters a real chroot as an ordinary user: the oracle that nestp is compared with.
//
//   enter_chroot ROOT UID DIRECTORY PROGRAM [ARG...]
//
// chroot(1) does not do, as it always starts in "/".
#include <cstdio>
#include <cstdlib>
#include <grp.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const auto user = static_cast<uid_t>(std::atoi(argv[2]));
  if (chroot(argv[1]) != 0 || chdir(argv[3]) != 0 || setgroups(0, nullptr) != 0 ||
      setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0) {
    std::perror("enter_chroot");
    return 126;
  }
  execv(argv[4], argv + 4);
  std::perror(argv[4]);
  return 127;
}
