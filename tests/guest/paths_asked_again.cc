// What was asked of a path before is answered anew: through descriptors and links, of the working
// directory, and of attributes.
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/guest_test.h"

namespace {

constexpr int kRounds = 3;

std::string read_at(int directory, const char* path, int flags = O_RDONLY) {
  const int file = openat(directory, path, flags);
  char text[8] = {};
  const ssize_t size = file < 0 ? -1 : read(file, text, sizeof text);
  const int error = errno;
  close(file);
  return size < 0 ? "errno " + std::to_string(error) : std::string(text, static_cast<size_t>(size));
}

int names_behind_a_descriptor() {
  EXPECT(mkdir("base", 0700) == 0 && mkdir("base/a", 0700) == 0 && mkdir("base/a/b", 0700) == 0);
  EXPECT(mkdir("other", 0700) == 0 && mkdir("other/b", 0700) == 0);
  EXPECT(make_file("base/a/b/file", "1") && make_file("other/b/file", "2"));
  EXPECT(symlink("file", "base/a/b/link") == 0);
  EXPECT(symlink((working_directory() + "/other").c_str(), "base/absolute") == 0);
  const int base = open("base", O_PATH | O_DIRECTORY);
  struct stat status;
  char text[8];
  for (int round = 0; round < kRounds; ++round) {
    EXPECT(read_at(base, "a/b/file") == "1" && read_at(base, "a/b/link") == "1");
    EXPECT(read_at(base, "absolute/b/file") == "2" && read_at(base, "a/../absolute/b/file") == "2");
    EXPECT(read_at(base, "a/b/link", O_NOFOLLOW) == "errno " + std::to_string(ELOOP));
    EXPECT(read_at(base, "absolute/b/file", O_NOFOLLOW) == "2");
    EXPECT(fstatat(base, "a/b/file", &status, 0) == 0 && S_ISREG(status.st_mode));
    EXPECT(fstatat(base, "absolute/b/file", &status, AT_SYMLINK_NOFOLLOW) == 0);
    EXPECT(fstatat(base, "a/b/link", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode));
    EXPECT(fstatat(base, "a/b/", &status, 0) == 0 && S_ISDIR(status.st_mode));
    EXPECT(readlinkat(base, "a/b/link", text, sizeof text) == 4);
    EXPECT(faccessat(base, "a/b/file", R_OK, 0) == 0);
    EXPECT_ERRNO(fstatat(base, "a/b/file/x", &status, 0), ENOTDIR);
    EXPECT_ERRNO(faccessat(base, "a/x/file", F_OK, 0), ENOENT);
    const int made = openat(base, "a/b/new", O_CREAT | O_EXCL | O_WRONLY, 0640);
    EXPECT(made >= 0 && fstat(made, &status) == 0 && (status.st_mode & 0777) == 0640);
    EXPECT_ERRNO(openat(base, "a/b/new", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
    EXPECT_ERRNO(openat(base, "a/b/link", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
    EXPECT(close(made) == 0 && unlinkat(base, "a/b/new", 0) == 0);
  }
  EXPECT(rename("base/a", "base/c") == 0 && symlink("absolute", "base/a") == 0);
  for (int round = 0; round < kRounds; ++round) {
    EXPECT(read_at(base, "a/b/file") == "2" && read_at(base, "c/b/link") == "1");
    EXPECT(fstatat(base, "a/b/file", &status, AT_SYMLINK_NOFOLLOW) == 0);
    EXPECT_ERRNO(fstatat(base, "a/b/link", &status, 0), ENOENT);
  }
  return 0;
}

int links_that_were_followed() {
  struct stat one, two, seen;
  EXPECT(mkdir("l", 0700) == 0 && make_file("l/one", "1") && make_file("l/two", "22"));
  EXPECT(symlink("one", "l/link") == 0 && stat("l/one", &one) == 0 && stat("l/two", &two) == 0);
  for (int round = 0; round < kRounds; ++round) {
    EXPECT(stat("l/link", &seen) == 0 && seen.st_ino == one.st_ino && contents("l/link") == "1");
    EXPECT(stat("l/two", &seen) == 0 && seen.st_ino == two.st_ino);
    EXPECT(lstat("l/link", &seen) == 0 && S_ISLNK(seen.st_mode));
  }
  EXPECT(symlink("two", "l/new") == 0 && rename("l/new", "l/link") == 0);
  for (int round = 0; round < kRounds; ++round)
    EXPECT(stat("l/link", &seen) == 0 && seen.st_ino == two.st_ino && contents("l/link") == "22");
  EXPECT(unlink("l/link") == 0 && make_file("l/link", "333"));
  for (int round = 0; round < kRounds; ++round)
    EXPECT(stat("l/link", &seen) == 0 && seen.st_size == 3 && contents("l/link") == "333");
  return 0;
}

int links_that_are_meant() {
  struct stat target, link;
  const timespec early[] = {{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 1000, .tv_nsec = 0}};
  const timespec late[] = {{.tv_sec = 2000, .tv_nsec = 0}, {.tv_sec = 2000, .tv_nsec = 0}};
  EXPECT(make_file("meant", "text") &&
         symlink((working_directory() + "/meant").c_str(), "to") == 0);
  EXPECT(utimensat(AT_FDCWD, "meant", late, 0) == 0);
  for (int round = 0; round < kRounds; ++round) {
    EXPECT(stat("to", &target) == 0 && target.st_mtime == 2000 && access("to", R_OK) == 0);
    EXPECT(utimensat(AT_FDCWD, "to", early, AT_SYMLINK_NOFOLLOW) == 0);
    EXPECT(stat("to", &target) == 0 && target.st_mtime == 2000);
    EXPECT(lstat("to", &link) == 0 && link.st_mtime == 1000);
    EXPECT(utimensat(AT_FDCWD, "to", late, AT_SYMLINK_NOFOLLOW) == 0);
    // O_PATH takes no notice of the other two: the link is followed, in the guest's tree.
    const int file = open("to", O_PATH | O_CREAT | O_EXCL | O_CLOEXEC);
    EXPECT(file >= 0 && fstat(file, &link) == 0 && link.st_ino == target.st_ino);
    close(file);
  }
  return 0;
}

int looks_without_end() {
  struct stat status;
  EXPECT(mkdir("deep", 0700) == 0 && mkdir("deep/a", 0700) == 0 && mkdir("deep/b", 0700) == 0);
  EXPECT(make_file("deep/a/file", "1") && make_file("deep/b/other", "22"));
  EXPECT(symlink("../b/other", "deep/a/link") == 0 && symlink("absent", "deep/a/broken") == 0);
  const std::string top = working_directory() + "/deep";
  for (int round = 0; round < 100; ++round) {
    for (const std::string& start : {std::string("deep"), top}) {
      EXPECT(access((start + "/a/file").c_str(), R_OK) == 0);
      EXPECT(access((start + "/b/other").c_str(), R_OK) == 0);
      EXPECT(access((start + "/a/link").c_str(), R_OK) == 0);
      EXPECT_ERRNO(access((start + "/a/broken").c_str(), F_OK), ENOENT);
      EXPECT_ERRNO(access((start + "/a/absent").c_str(), F_OK), ENOENT);
      EXPECT_ERRNO(access((start + "/c/d/file").c_str(), F_OK), ENOENT);
      EXPECT_ERRNO(access((start + "/a/file/d/file").c_str(), F_OK), ENOTDIR);
      EXPECT_ERRNO(stat((start + "/c/d/file").c_str(), &status), ENOENT);
    }
    if (round == 50) {  // what was missing is made, what was there leads elsewhere
      EXPECT(rename("deep/a", "deep/former") == 0 && symlink("former", "deep/a") == 0);
    }
  }
  EXPECT(mkdir("deep/c", 0700) == 0 && symlink("../b", "deep/c/d") == 0);
  EXPECT_ERRNO(access("deep/c/d/file", F_OK), ENOENT);
  EXPECT(make_file("deep/b/file", "333") && access("deep/c/d/file", F_OK) == 0);
  EXPECT(stat("deep/c/d/file", &status) == 0 && status.st_size == 3);
  EXPECT(unlink("deep/c/d") == 0 && mkdir("deep/c/d", 0700) == 0);
  EXPECT_ERRNO(access((top + "/c/d/file").c_str(), F_OK), ENOENT);
  EXPECT(make_file("deep/c/d/file", "1") && access((top + "/c/d/file").c_str(), F_OK) == 0);
  return 0;
}

bool in_child_process(int (*work)()) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && exited_with(status, 0);
}

int working_directories() {
  const std::string start = working_directory();
  char small[2];
  EXPECT(mkdir("w", 0700) == 0 && mkdir("w/in", 0700) == 0 && chdir("w/in") == 0);
  for (int round = 0; round < kRounds; ++round) {
    EXPECT(working_directory() == start + "/w/in");
    EXPECT_ERRNO(syscall(SYS_getcwd, small, sizeof small), ERANGE);
    EXPECT_ERRNO(syscall(SYS_getcwd, nullptr, 4096), EFAULT);
  }
  EXPECT(in_child_process([] { return rename("../../w", "../../v") == 0 ? 0 : 1; }));
  for (int round = 0; round < kRounds; ++round)
    EXPECT(working_directory() == start + "/v/in");
  EXPECT(chdir("..") == 0 && working_directory() == start + "/v");
  EXPECT(in_child_process([] { return chdir("in") == 0 && rmdir("../in") == 0 ? 0 : 1; }));
  EXPECT(working_directory() == start + "/v" && chdir("/") == 0 && working_directory() == "/");
  EXPECT(chdir((start + "/v").c_str()) == 0 && working_directory() == start + "/v");
  EXPECT(in_child_process([] { return rmdir("../v") == 0 ? 0 : 1; }));
  char text[4096];
  for (int round = 0; round < kRounds; ++round)
    EXPECT_ERRNO(syscall(SYS_getcwd, text, sizeof text), ENOENT);
  EXPECT(chdir(start.c_str()) == 0);
  return 0;
}

int access_lists() {
  constexpr const char* kList = "system.posix_acl_access";
  constexpr const char* kNoList = "system.posix_acl_default";
  struct Entry {
    std::uint16_t tag, permissions;
    std::uint32_t id;
  };
  // As <linux/posix_acl_xattr.h> has it: its version, the owner, a user, the group, mask, others.
  const std::uint32_t none = ~0U;
  struct {
    std::uint32_t version = 2;
    Entry entries[5];
  } const list{
      .entries = {{1, 6, none}, {2, 4, getuid()}, {4, 4, none}, {16, 4, none}, {32, 4, none}}};
  char text[64];
  EXPECT(mkdir("acl", 0700) == 0 && make_file("acl/file", "") && make_file("acl/plain", ""));
  EXPECT(symlink("file", "acl/link") == 0 && symlink("plain", "acl/bare") == 0);
  if (setxattr("acl/file", kList, &list, sizeof list, 0) != 0) SKIP("no access lists here");
  for (int round = 0; round < kRounds; ++round) {
    EXPECT(getxattr("acl/file", kList, text, sizeof text) == sizeof list);
    EXPECT(getxattr("acl/link", kList, text, sizeof text) == sizeof list);
    EXPECT_ERRNO(getxattr("acl/plain", kList, text, sizeof text), ENODATA);
    EXPECT_ERRNO(getxattr("acl/bare", kList, text, sizeof text), ENODATA);
    EXPECT_ERRNO(lgetxattr("acl/link", kList, text, sizeof text), EOPNOTSUPP);
    EXPECT_ERRNO(getxattr("acl/bare", kNoList, text, sizeof text), ENODATA);
    EXPECT_ERRNO(getxattr("acl/none", kList, text, sizeof text), ENOENT);
    EXPECT_ERRNO(getxattr("acl/file", reinterpret_cast<const char*>(1), text, sizeof text), EFAULT);
  }
  return 0;
}

}  // namespace

int main() {
  EXPECT(names_behind_a_descriptor() == 0);
  EXPECT(links_that_were_followed() == 0);
  EXPECT(links_that_are_meant() == 0);
  EXPECT(looks_without_end() == 0);
  EXPECT(working_directories() == 0);
  return access_lists();
}
