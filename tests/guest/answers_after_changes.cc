// A path leads where it leads now, however often it was asked for before: after links and
// directories on the way were changed by the asker, by another process, or moved elsewhere.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/guest_test.h"

namespace {

std::string where;  // an absolute path, so that the prefix is remembered

/// Inode of a path; 0 if it is not there.
ino_t inode(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

void point_link_to(const char* target) {
  symlink(target, (where + "/new").c_str());
  rename((where + "/new").c_str(), (where + "/link").c_str());
}

int run_in_child(int (*work)()) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 1;
  return WEXITSTATUS(status);
}

int own_changes() {
  const ino_t one = inode(where + "/one/file"), two = inode(where + "/two/file");
  EXPECT(one != 0 && two != 0 && one != two);
  for (int round = 0; round < 200; ++round) {
    point_link_to(round % 2 == 0 ? "one" : "two");
    for (int again = 0; again < 3; ++again) {
      EXPECT(inode(where + "/link/file") == (round % 2 == 0 ? one : two));
      EXPECT(contents((where + "/link/file").c_str()) == (round % 2 == 0 ? "1" : "2"));
      EXPECT(access((where + "/link").c_str(), R_OK) == 0);
    }
  }
  EXPECT(unlink((where + "/link").c_str()) == 0);
  EXPECT_ERRNO(access((where + "/link/file").c_str(), F_OK), ENOENT);
  EXPECT_ERRNO(open((where + "/link/file").c_str(), O_RDONLY), ENOENT);
  return 0;
}

/// A path that ends with a slash, or with ".", means what a link leads to, and only a directory.
int names_of_directories() {
  const ino_t one = inode(where + "/one"), two = inode(where + "/two");
  struct stat status;
  for (int round = 0; round < 50; ++round) {
    point_link_to(round % 2 == 0 ? "one" : "two");
    for (const char* const end : {"/link/", "/link/.", "/link//", "/link/./"}) {
      EXPECT(inode(where + end) == (round % 2 == 0 ? one : two));
      EXPECT(lstat((where + end).c_str(), &status) == 0 && S_ISDIR(status.st_mode));
      EXPECT(access((where + end).c_str(), X_OK) == 0);
      char target[8];
      EXPECT_ERRNO(readlink((where + end).c_str(), target, sizeof target), EINVAL);
    }
    EXPECT_ERRNO(stat((where + "/one/file/").c_str(), &status), ENOTDIR);
    EXPECT_ERRNO(open((where + "/one/file/.").c_str(), O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(open((where + "/absent/").c_str(), O_RDONLY), ENOENT);
  }
  EXPECT(chdir(where.c_str()) == 0 && inode(".") == inode(where) && inode("one/") == one);
  EXPECT(chdir("one") == 0 && inode(".") == one && inode("../two/") == two);
  EXPECT(chdir(where.c_str()) == 0);
  return 0;
}

/// Directories far below a known one, whose names change on the way.
int deep_directories() {
  const std::string deep = where + "/far";
  std::string bottom = deep;
  EXPECT(mkdir(deep.c_str(), 0755) == 0);
  for (const char* const name : {"/a", "/b", "/c", "/d"}) {
    bottom += name;
    EXPECT(mkdir(bottom.c_str(), 0755) == 0);
  }
  EXPECT(make_file((bottom + "/file").c_str(), "deep"));
  const ino_t file = inode(bottom + "/file");
  for (int round = 0; round < 50; ++round) {
    EXPECT(inode(bottom + "/file") == file && inode(where + "/one/file") != 0);
    EXPECT(rename((deep + "/a/b").c_str(), (deep + "/a/x").c_str()) == 0);
    EXPECT(inode(bottom + "/file") == 0 && inode(deep + "/a/x/c/d/file") == file);
    EXPECT(symlink("x", (deep + "/a/b").c_str()) == 0);
    EXPECT(inode(bottom + "/file") == file);
    EXPECT(unlink((deep + "/a/b").c_str()) == 0 && inode(bottom + "/file") == 0);
    EXPECT(rename((deep + "/a/x").c_str(), (deep + "/a/b").c_str()) == 0);
  }
  return 0;
}

int changes_of_a_child() {
  const ino_t one = inode(where + "/one/file"), two = inode(where + "/two/file");
  for (int round = 0; round < 50; ++round) {
    point_link_to("one");
    EXPECT(inode(where + "/link/file") == one);
    EXPECT(run_in_child([] {
             point_link_to("two");
             return 0;
           }) == 0);
    EXPECT(inode(where + "/link/file") == two);
  }
  return 0;
}

int moved_directories() {
  EXPECT(mkdir((where + "/dir").c_str(), 0755) == 0);
  EXPECT(symlink("../one", (where + "/dir/inner").c_str()) == 0);
  const ino_t one = inode(where + "/one/file");
  for (int round = 0; round < 50; ++round) {
    EXPECT(inode(where + "/dir/inner/file") == one);
    EXPECT(rename((where + "/dir").c_str(), (where + "/moved").c_str()) == 0);
    EXPECT(inode(where + "/dir/inner/file") == 0);
    EXPECT(inode(where + "/moved/inner/file") == one);
    EXPECT(rename((where + "/moved").c_str(), (where + "/dir").c_str()) == 0);
    EXPECT(inode(where + "/moved/inner/file") == 0);
  }
  return 0;
}

/// What was missing, file or directory, may come as anything.
int things_that_come() {
  for (int round = 0; round < 30; ++round) {
    EXPECT(inode(where + "/later/file") == 0 && inode(where + "/later") == 0);
    EXPECT(symlink("two", (where + "/later").c_str()) == 0);
    EXPECT(contents((where + "/later/file").c_str()) == "2");
    EXPECT(unlink((where + "/later").c_str()) == 0);
    EXPECT(mkdir((where + "/later").c_str(), 0755) == 0);
    EXPECT(inode(where + "/later/file") == 0 && inode(where + "/later") != 0);
    EXPECT(make_file((where + "/later/file").c_str(), "new"));
    EXPECT(contents((where + "/later/file").c_str()) == "new");
    // A plain file becomes a link.
    EXPECT(unlink((where + "/later/file").c_str()) == 0);
    EXPECT(symlink("../one/file", (where + "/later/file").c_str()) == 0);
    EXPECT(contents((where + "/later/file").c_str()) == "1");
    EXPECT(unlink((where + "/later/file").c_str()) == 0);
    EXPECT(rmdir((where + "/later").c_str()) == 0);
  }
  return 0;
}

/// Relative paths go with the working directory of who asks.
int relative_paths() {
  for (int round = 0; round < 30; ++round) {
    EXPECT(chdir((where + "/deep/a").c_str()) == 0);
    EXPECT(contents("sub/file") == "a" && contents("./sub/file") == "a");
    EXPECT(run_in_child([] {
             EXPECT(contents("sub/file") == "a");
             EXPECT(chdir("../b") == 0);
             EXPECT(contents("sub/file") == "b");
             return 0;
           }) == 0);
    EXPECT(contents("sub/file") == "a" && contents("../b/sub/file") == "b");
    char text[4096];
    EXPECT(getcwd(text, sizeof text) == text && text == where + "/deep/a");
    EXPECT(chdir("../b") == 0);
    EXPECT(contents("sub/file") == "b");
    EXPECT(getcwd(text, sizeof text) == text && text == where + "/deep/b");
    EXPECT_ERRNO(getcwd(text, 3) == nullptr ? -1 : 0, ERANGE);
  }
  // A vfork child has the maker's memory, but not its working directory.
  EXPECT(contents("sub/file") == "b");
  const pid_t child = vfork();
  if (child == 0) {
    const bool good = chdir("../a") == 0 && access("sub/file", R_OK) == 0;
    _exit(good ? 0 : 1);
  }
  int status = 0;
  EXPECT(waitpid(child, &status, 0) == child && status == 0);
  EXPECT(contents("sub/file") == "b");
  return 0;
}

}  // namespace

int main() {
  where = working_directory();
  for (const char* directory :
       {"one", "two", "deep", "deep/a", "deep/b", "deep/a/sub", "deep/b/sub"})
    EXPECT(mkdir(directory, 0755) == 0);
  EXPECT(make_file("one/file", "1") && make_file("two/file", "2"));
  EXPECT(make_file("deep/a/sub/file", "a") && make_file("deep/b/sub/file", "b"));
  if (own_changes() != 0 || changes_of_a_child() != 0 || moved_directories() != 0) return 1;
  if (names_of_directories() != 0 || deep_directories() != 0) return 1;
  return things_that_come() != 0 || relative_paths() != 0 ? 1 : 0;
}
