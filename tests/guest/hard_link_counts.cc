// Hard links: one file, its count of names, and none lost when names come, move and go.
// Also run under nestp -l, where they are made of symbolic ones: then nothing stays behind, too.
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

namespace {

struct stat look(const char* path) {
  struct stat status {};
  if (lstat(path, &status) != 0) status.st_nlink = 0;
  return status;
}

std::string contents(const char* path) {
  char text[32] = {};
  const int file = open(path, O_RDONLY | O_NOFOLLOW);
  if (file < 0) return "?";
  const ssize_t size = read(file, text, sizeof text);
  close(file);
  return {text, static_cast<std::size_t>(size > 0 ? size : 0)};
}

bool make(const char* path, const char* text) {
  const int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);
  return file >= 0 && write(file, text, std::strlen(text)) > 0 && close(file) == 0;
}

/// Names in a directory, each as "TYPE:INODE" of the listing.
int find_entry(const char* path, const char* name, dirent& found) {
  DIR* const directory = opendir(path);
  int count = 0;
  while (const dirent* const entry = directory == nullptr ? nullptr : readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    ++count;
    if (std::strcmp(entry->d_name, name) == 0) found = *entry;
  }
  if (directory != nullptr) closedir(directory);
  return count;
}

int check_looks() {
  EXPECT(make("a", "one"));
  EXPECT(link("a", "b") == 0);
  const struct stat a = look("a"), b = look("b");
  EXPECT(S_ISREG(a.st_mode) && (a.st_mode & 0777) == 0640 && a.st_size == 3);
  EXPECT(a.st_nlink == 2 && b.st_nlink == 2 && a.st_ino == b.st_ino && a.st_dev == b.st_dev);
  struct stat followed {};
  EXPECT(stat("b", &followed) == 0 && followed.st_ino == a.st_ino && followed.st_nlink == 2);
  char text[8];
  EXPECT_ERRNO(readlink("a", text, sizeof text), EINVAL);
  const int file = open("b", O_RDWR | O_NOFOLLOW);
  EXPECT(file >= 0 && fstat(file, &followed) == 0 && followed.st_nlink == 2);
  EXPECT(pwrite(file, "two", 3, 0) == 3 && contents("a") == "two");
  close(file);
  const int handle = open("a", O_PATH | O_NOFOLLOW);
  EXPECT(fstatat(handle, "", &followed, AT_EMPTY_PATH) == 0 && followed.st_nlink == 2);
  close(handle);
  EXPECT(chmod("a", 0600) == 0 && (look("b").st_mode & 0777) == 0600);
  dirent entry{};
  EXPECT(find_entry(".", "b", entry) == 2);
  EXPECT((entry.d_type == DT_REG || entry.d_type == DT_UNKNOWN) && entry.d_ino == b.st_ino);
  EXPECT_ERRNO(link("a", "b"), EEXIST);
  EXPECT_ERRNO(link("none", "c"), ENOENT);
  EXPECT_ERRNO(link("a", "none/c"), ENOENT);
  EXPECT_ERRNO(link("a", "b/c"), ENOTDIR);
  EXPECT_ERRNO(open("a", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
  EXPECT(link("b", "c") == 0 && look("a").st_nlink == 3);
  EXPECT(unlink("a") == 0 && look("b").st_nlink == 2 && look("a").st_nlink == 0);
  EXPECT(unlink("b") == 0 && look("c").st_nlink == 1 && contents("c") == "two");
  EXPECT(link("c", "a") == 0 && look("c").st_nlink == 2);
  EXPECT(unlink("a") == 0 && unlink("c") == 0);
  return find_entry(".", "", entry);
}

int check_moves() {
  EXPECT(make("a", "one") && mkdir("deep", 0700) == 0 && mkdir("deep/er", 0700) == 0);
  EXPECT(link("a", "deep/er/b") == 0);
  EXPECT(rename("deep/er/b", "b") == 0 && contents("b") == "one" && look("b").st_nlink == 2);
  EXPECT(rename("b", "deep/b") == 0 && contents("deep/b") == "one");
  EXPECT(mkdir("deep/er/est", 0700) == 0 && link("a", "deep/er/est/c") == 0);
  EXPECT(rename("deep/er/est", "est") == 0 && contents("est/c") == "one");
  EXPECT(look("est/c").st_nlink == 3 && rename("est", "deep/er/est") == 0);
  EXPECT(contents("deep/er/est/c") == "one");
  EXPECT(rename("a", "deep/b") == 0);  // one file: nothing happens
  EXPECT(look("a").st_nlink == 3 && look("deep/b").st_nlink == 3);
  EXPECT(make("new", "new") && rename("new", "a") == 0);
  EXPECT(contents("a") == "new" && look("a").st_nlink == 1 && look("deep/b").st_nlink == 2);
  EXPECT(rename("deep/b", "a") == 0 && contents("a") == "one" && look("a").st_nlink == 2);
  EXPECT(make("deep/x", "x"));
  if (syscall(SYS_renameat2, AT_FDCWD, "deep/x", AT_FDCWD, "a", 2) == 0) {  // RENAME_EXCHANGE
    EXPECT(contents("deep/x") == "one" && contents("a") == "x" && look("deep/x").st_nlink == 2);
    EXPECT(rename("deep/x", "a") == 0);
  } else {
    EXPECT(unlink("deep/x") == 0);
  }
  EXPECT(unlink("a") == 0 && look("deep/er/est/c").st_nlink == 1);
  EXPECT(unlink("deep/er/est/c") == 0);
  EXPECT(rmdir("deep/er/est") == 0 && rmdir("deep/er") == 0 && rmdir("deep") == 0);
  return 0;
}

int check_others() {
  EXPECT(mkdir("directory", 0700) == 0);
  EXPECT_ERRNO(link("directory", "d"), EPERM);
  EXPECT(rmdir("directory") == 0);
  EXPECT(symlink("target", "s") == 0 && link("s", "t") == 0);
  EXPECT(S_ISLNK(look("t").st_mode) && unlink("s") == 0 && unlink("t") == 0);
  EXPECT(mkfifo("f", 0600) == 0 && link("f", "g") == 0 && S_ISFIFO(look("g").st_mode));
  EXPECT(look("f").st_nlink == 2 && unlink("f") == 0 && unlink("g") == 0);
  EXPECT(make("a", "one") && symlink("a", "s") == 0);
  EXPECT(linkat(AT_FDCWD, "s", AT_FDCWD, "b", AT_SYMLINK_FOLLOW) == 0 && contents("b") == "one");
  const int file = open("b", O_RDONLY);
  const std::string link_of_file = "/proc/self/fd/" + std::to_string(file);
  EXPECT(unlink("s") == 0 && look("a").st_nlink == 2);
  struct stat status {};
  EXPECT(unlink("a") == 0 && unlink("b") == 0 && fstat(file, &status) == 0 && status.st_nlink == 0);
  close(file);
  return 0;
}

int check_many() {
  constexpr int kMany = 1500;
  EXPECT(make("a", "one"));
  for (int i = 0; i < kMany; ++i)
    EXPECT(link("a", std::to_string(i).c_str()) == 0);
  EXPECT(look("a").st_nlink == kMany + 1 && contents("1234") == "one");
  EXPECT(unlink("a") == 0);
  for (int i = 1; i < kMany; ++i)
    EXPECT(unlink(std::to_string(i).c_str()) == 0);
  EXPECT(look("0").st_nlink == 1 && contents("0") == "one" && unlink("0") == 0);
  return 0;
}

}  // namespace

int main() {
  for (const auto check : {check_looks, check_moves, check_others, check_many}) {
    if (const int result = check(); result != 0) return result;
  }
  dirent entry{};
  EXPECT(find_entry(".", "", entry) == 0);
  return 0;
}
