// What a name, or "..", in an open directory means is what it means behind the directory's path.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/guest_test.h"

namespace {

/// Device and inode, or the errno.
std::string found(int directory, const std::string& path, int flags = 0) {
  struct stat status {};
  if (fstatat(directory, path.c_str(), &status, flags) != 0)
    return "errno " + std::to_string(errno);
  return std::to_string(status.st_dev) + " " + std::to_string(status.st_ino);
}

std::string opened(int directory, const char* name) {
  const int file = openat(directory, name, O_PATH | O_CLOEXEC);
  const std::string seen =
      file < 0 ? "errno " + std::to_string(errno) : found(file, "", AT_EMPTY_PATH);
  close(file);
  return seen;
}

/// Names of mount points, names in /proc that nestp makes up, and others.
constexpr const char* kNames[] = {"..",  "dev",  "proc",    "sys",    "tmp",     "etc", "usr",
                                  "exe", "root", "version", "mounts", "missing", "a",   "b"};

/// Of a directory that the machine may lack, unless it is `own`.
int check_directory(const std::string& path, bool own) {
  const int directory = open(path.empty() ? "/" : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 || chdir(path.empty() ? "/" : path.c_str()) != 0) return own ? 1 : 0;
  for (const char* const name : kNames) {
    std::string whole = path;
    whole.append("/").append(name);
    const std::string wanted = found(AT_FDCWD, whole);
    const std::string kept = found(AT_FDCWD, whole, AT_SYMLINK_NOFOLLOW);
    for (int round = 0; round < 3; ++round) {
      EXPECT(found(directory, name) == wanted);
      EXPECT(found(AT_FDCWD, name) == wanted);
      EXPECT(found(directory, name, AT_SYMLINK_NOFOLLOW) == kept);
      EXPECT(opened(directory, name) == wanted);
      EXPECT(opened(AT_FDCWD, name) == wanted);
    }
  }
  return close(directory);
}

}  // namespace

int main() {
  const std::string here = working_directory();
  EXPECT(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0 && mkdir("a/dev", 0755) == 0);
  EXPECT(mkdir("a/proc", 0755) == 0 && make_file("a/version", "1") && make_file("a/mounts", "2"));
  EXPECT(symlink("b", "a/root") == 0 && symlink("/proc", "a/b/sys") == 0);
  for (const char* const path : {"", "/proc", "/dev", "/tmp", "/usr", "/etc", "/proc/self", "/sys"})
    if (check_directory(path, false) != 0) return 1;
  for (const char* const path : {"", "/a", "/a/b", "/a/dev", "/a/proc", "/a/b/sys"})
    if (check_directory(here + path, true) != 0) return 1;
  // As long as they are open, their parents are those of now.
  EXPECT(chdir(here.c_str()) == 0 && mkdir("c", 0755) == 0);
  const int moved = open("a/b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  EXPECT(opened(moved, "..") == found(AT_FDCWD, "a"));
  EXPECT(rename("a/b", "c/b") == 0);
  EXPECT(opened(moved, "..") == found(AT_FDCWD, "c"));
  EXPECT(found(moved, "..") == found(AT_FDCWD, "c"));
}
