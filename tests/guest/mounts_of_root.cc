// root mounts in its own namespace without touching anybody else's; the new mount calls either
// work or are not there.
#include "tests/support/namespace_test.h"

namespace {

int in_namespace() {
  EXPECT(unshare(CLONE_NEWNS) == 0 && mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  EXPECT(mount("tmpfs", "root", "tmpfs", 0, nullptr) == 0 && mkdir("root/proc", 0755) == 0);
  EXPECT(mount("proc", "root/proc", "proc", 0, nullptr) == 0 && mkdir("root/sys", 0755) == 0);
  EXPECT(mount("sysfs", "root/sys", "sysfs", MS_NOSUID | MS_NODEV, nullptr) == 0);
  EXPECT(access("root/proc/self/status", F_OK) == 0 && access("root/sys/kernel", F_OK) == 0);
  EXPECT(chroot("root") == 0 && chdir("/") == 0);
  EXPECT(mount_options("/proc").starts_with("proc") && mount_options("/").starts_with("tmpfs"));
  EXPECT(link_target("/proc/self/cwd") == "/" && umount("/sys") == 0 && rmdir("/sys") == 0);
  EXPECT(umount("/proc") == 0 && access("/proc/self", F_OK) == -1);
  return 0;
}

}  // namespace

int main() {
  if (geteuid() != 0) SKIP("needs root");
  EXPECT(mkdir("root", 0755) == 0);
  EXPECT(exited_with(in_child([] { return in_namespace(); }), 0));
  EXPECT(access("root/proc", F_OK) == -1 && rmdir("root") == 0);
  const long tree = syscall(428, AT_FDCWD, ".", 1);  // open_tree, OPEN_TREE_CLONE
  EXPECT(tree >= 0 || errno == ENOSYS);
}
