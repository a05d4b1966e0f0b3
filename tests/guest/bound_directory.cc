// A bound directory is part of the tree: files, links, "..", listings, new entries.
#include <dirent.h>
#include <fcntl.h>
#include <set>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  EXPECT(contents("/bind/dir/file") == "of the directory\n");
  EXPECT(contents("/bind/dir/link") == "of the directory\n" &&
         link_target("/bind/dir/link") == "file");
  EXPECT(stat("/bind/dir/absolute", &status) == 0 && S_ISDIR(status.st_mode));  // a link to /work
  EXPECT(chdir("/bind/dir/absolute") == 0 && working_directory() == "/work");

  EXPECT(chdir("/bind/dir") == 0 && working_directory() == "/bind/dir");
  EXPECT(access("../file", F_OK) == 0 && contents("../file") == "a file alone\n");
  EXPECT(chdir("sub") == 0 && working_directory() == "/bind/dir/sub");
  EXPECT(chdir("../..") == 0 && working_directory() == "/bind");
  EXPECT(contents("/bind/dir/sub/../file") == "of the directory\n");
  EXPECT(contents("/bind/dir/../file") == "a file alone\n");
  EXPECT(symlink("/bind/dir", "/work/to_dir") == 0 && contents("/work/to_dir/file") != "");
  EXPECT(contents("/work/to_dir/../file") == "a file alone\n");
  EXPECT(mkdir("/bind/dir/new", 0700) == 0 && make_file("/bind/dir/new/file", "n"));
  EXPECT(rename("/bind/dir/new/file", "/bind/dir/sub/file") == 0);
  EXPECT(symlink("../../dir/sub/file", "/bind/dir/new/up") == 0);
  EXPECT(contents("/bind/dir/new/up") == "n" && rmdir("/bind/dir/sub") == -1);

  std::set<std::string> names;
  DIR* listing = opendir("/bind/dir");
  EXPECT(listing != nullptr);
  while (const dirent* entry = readdir(listing))
    names.insert(entry->d_name);
  EXPECT((names ==
          std::set<std::string>{".", "..", "file", "link", "absolute", "nested", "new", "sub"}));
  const int base = open("/bind/dir/sub", O_PATH);
  EXPECT(fstatat(base, "../../file", &status, 0) == 0 && status.st_size == 13);
}
