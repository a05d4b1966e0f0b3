// clone(2) and clone3(2) give a child a user and a mount namespace; the child starts with the
// registers its parent had, and loses its privileges by an exec unless it is root there.
#include <linux/sched.h>
#include <signal.h>

#include "tests/support/namespace_test.h"

namespace {

constexpr unsigned long kFlags = CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD;

/// clone(2) without glibc; `argument` tells what its first argument's register holds afterwards.
long raw_clone(unsigned long flags, unsigned long& argument) {
#if defined(__x86_64__)
  long result = SYS_clone;
  register unsigned long child_thread asm("r10") = 0;
  asm volatile("syscall"
               : "+a"(result), "+D"(flags)
               : "S"(0), "d"(0), "r"(child_thread)
               : "rcx", "r11", "memory");
#else
  // The result takes the argument's register, of which nothing is left to tell.
  const long result = syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr);
#endif
  argument = flags;
  return result;
}

int be_child(uid_t user, gid_t group, unsigned long argument) {
  EXPECT(argument == kFlags && map_own_ids(user, group) && geteuid() == user);
  EXPECT(contents("/proc/self/uid_map").find(std::to_string(user)) != std::string::npos);
  EXPECT(mount("tmpfs", "place", "tmpfs", 0, nullptr) == 0 && make_file("place/inner", "x"));
  return 0;
}

int wait_for(long child) {
  int status = -1;
  waitpid(static_cast<pid_t>(child), &status, 0);
  return status;
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) {  // after an exec
    EXPECT_ERRNO(mount("tmpfs", "place", "tmpfs", 0, nullptr), EPERM);
    EXPECT_ERRNO(chroot("place"), EPERM);
    return 0;
  }
  // The files that take the id maps are in memory, for which an old kernel has no call.
  if (std::getenv("OLD_KERNEL") != nullptr) SKIP("id maps on an old kernel");
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (user == 0) SKIP("root keeps its privileges by an exec");
  EXPECT(mkdir("place", 0755) == 0);
  unsigned long argument = 0;
  long child = raw_clone(kFlags, argument);
  if (child == -EPERM) SKIP("no user namespaces here");
  if (child == 0) _exit(be_child(user, group, argument));
  EXPECT(argument == kFlags && exited_with(wait_for(child), 0) &&
         access("place/inner", F_OK) == -1);

  clone_args wish{};
  wish.flags = CLONE_NEWUSER | CLONE_NEWNS;
  wish.exit_signal = SIGCHLD;
  child = syscall(SYS_clone3, &wish, sizeof wish);
  if (child == 0) _exit(be_child(user, group, kFlags));
  if (child > 0 || errno != ENOSYS) {
    EXPECT(exited_with(wait_for(child), 0) && wish.flags == (CLONE_NEWUSER | CLONE_NEWNS));
  }
  EXPECT_ERRNO(syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
  EXPECT_ERRNO(syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EPERM);
  EXPECT_ERRNO(unshare(CLONE_NEWNS), EPERM);
  EXPECT_ERRNO(mount("tmpfs", "place", "tmpfs", 0, nullptr), EPERM);

  child = fork();
  if (child == 0) {
    EXPECT(unshare(CLONE_NEWUSER) == 0 && map_own_ids(user, group));
    EXPECT(unshare(CLONE_NEWNS) == 0 && chroot("/") == 0);
    char again[] = "again";
    char* words[] = {arguments[0], again, nullptr};
    execv("/proc/self/exe", words);
    _exit(1);
  }
  EXPECT(exited_with(wait_for(child), 0));
}
