// In a user namespace of its own an ordinary user may mount: binds, read-only ones, tmpfs, moves
// and unmounts.  Its own process sees them, the one outside does not.
#include "tests/support/namespace_test.h"

namespace {

int in_namespace(const std::string& start) {
  struct stat status;
  EXPECT(make_file("source/file", "bound") && make_file("on", "below"));
  EXPECT(mount("source", "target", nullptr, MS_BIND, nullptr) == 0);
  EXPECT(contents("target/file") == "bound" && make_file("target/new", "x"));
  EXPECT(access("source/new", F_OK) == 0 && mount_options(start + "/target") != "");
  EXPECT(mount("source/file", "on", nullptr, MS_BIND, nullptr) == 0 && contents("on") == "bound");
  EXPECT_ERRNO(unlink("on"), EBUSY);
  EXPECT_ERRNO(rmdir("target"), EBUSY);
  EXPECT(mount("", "target", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0);
  EXPECT(mount_options(start + "/target").find(" ro") != std::string::npos);
  EXPECT_ERRNO(open("target/new", O_WRONLY), EROFS);
  EXPECT_ERRNO(mkdir("target/d", 0700), EROFS);
  EXPECT(mkdir("source/d", 0700) == 0);
  EXPECT(mount("", "target", nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0);
  EXPECT(make_file("target/d/again", "x"));

  EXPECT(mount("mine", "target/d", "tmpfs", 0, "mode=0750") == 0);
  EXPECT(stat("target/d", &status) == 0 && (status.st_mode & 07777) == 0750);
  EXPECT(access("target/d/again", F_OK) == -1 && access("source/d/again", F_OK) == 0);
  EXPECT(make_file("target/d/inner", "inner") &&
         mount_options(start + "/target/d").starts_with("tmpfs"));
  EXPECT(mount("target", "copy", nullptr, MS_BIND | MS_REC, nullptr) == 0);
  EXPECT(contents("copy/d/inner") == "inner" && contents("copy/file") == "bound");
  EXPECT_ERRNO(umount("target"), EBUSY);
  EXPECT(mount("copy/d", "moved", nullptr, MS_MOVE, nullptr) == 0);
  EXPECT(contents("moved/inner") == "inner" && access("copy/d/again", F_OK) == 0);
  EXPECT(umount2("target", MNT_DETACH) == 0 && access("target/file", F_OK) == -1);
  EXPECT(umount("on") == 0 && contents("on") == "below" && mount_options(start + "/on") == "");

  EXPECT_ERRNO(umount("target"), EINVAL);
  EXPECT_ERRNO(umount("absent"), ENOENT);
  EXPECT_ERRNO(umount2("moved", 0x1000), EINVAL);
  EXPECT_ERRNO(mount("absent", "target", nullptr, MS_BIND, nullptr), ENOENT);
  EXPECT_ERRNO(mount("source", "absent", nullptr, MS_BIND, nullptr), ENOENT);
  EXPECT_ERRNO(mount("source", "on", nullptr, MS_BIND, nullptr), ENOTDIR);
  EXPECT_ERRNO(mount("", "target", nullptr, MS_REMOUNT | MS_BIND, nullptr), EINVAL);
  EXPECT_ERRNO(mount("moved", "moved/below", nullptr, MS_MOVE, nullptr), ENOENT);
  EXPECT(mkdir("moved/below", 0700) == 0);
  EXPECT_ERRNO(mount("moved", "moved/below", nullptr, MS_MOVE, nullptr), ELOOP);
  EXPECT_ERRNO(mount("x", "target", "no-such-file-system", 0, nullptr), ENODEV);

  EXPECT(mount("one", "target", "tmpfs", 0, nullptr) == 0 && make_file("target/of", "one"));
  EXPECT(mount("two", "target", "tmpfs", 0, nullptr) == 0 && access("target/of", F_OK) == -1);
  EXPECT(umount("target") == 0 && contents("target/of") == "one");
  EXPECT(chdir("target") == 0 && working_directory() == start + "/target");
  EXPECT(chdir("..") == 0 && working_directory() == start);
  return 0;
}

}  // namespace

int main() {
  const std::string start = working_directory();
  for (const char* name : {"source", "target", "copy", "moved"})
    EXPECT(mkdir(name, 0755) == 0);
  EXPECT(!mount_options("/").empty());
  const int status = in_child([&] {
    if (!enter_own_mounts()) SKIP("no user namespaces here");
    return in_namespace(start);
  });
  if (exited_with(status, 77)) return 77;
  EXPECT(exited_with(status, 0));
  EXPECT(access("target/of", F_OK) == -1 && access("source/new", F_OK) == 0);
  EXPECT(mount_options(start + "/target") == "" && rmdir("target") == 0);
}
