// Mount points that the root file system lacks are listed, have a status, and lead to bindings.
#include <dirent.h>
#include <fcntl.h>
#include <set>

#include "tests/support/guest_test.h"

namespace {
std::set<std::string> names_in(const char* path) {
  std::set<std::string> names;
  DIR* listing = opendir(path);
  if (listing == nullptr) return names;
  while (const dirent* entry = readdir(listing)) {
    if (!names.insert(entry->d_name).second) names.insert("twice!");
  }
  closedir(listing);
  return names;
}
}  // namespace

int main() {
  struct stat status;
  EXPECT(names_in("/").contains("missing") && !names_in("/").contains("twice!"));
  EXPECT((names_in("/missing") == std::set<std::string>{".", "..", "dir", "file", "deep"}));
  EXPECT((names_in("/missing/deep/er") == std::set<std::string>{".", "..", "dir"}));
  EXPECT(names_in("/missing/deep/er/dir").contains("sub"));
  EXPECT(contents("/missing/dir/file") == "at a missing mount point\n");
  EXPECT(contents("/missing/file") == "a file alone\n");
  for (const char* path : {"/missing", "/missing/deep", "/missing/deep/er", "/missing/dir"}) {
    EXPECT(stat(path, &status) == 0 && S_ISDIR(status.st_mode) && access(path, X_OK) == 0);
    EXPECT(chdir(path) == 0 && working_directory() == path);
  }
  EXPECT(chdir("/missing/deep/er/dir") == 0 && working_directory() == "/missing/deep/er/dir");
  EXPECT(chdir("..") == 0 && working_directory() == "/missing/deep/er");
  EXPECT(contents("dir/file") != "" && contents("../../file") == "a file alone\n");
  EXPECT(chdir("..") == 0 && chdir("..") == 0 && working_directory() == "/missing");
  EXPECT(chdir("..") == 0 && working_directory() == "/");
  EXPECT_ERRNO(stat("/missing/absent", &status), ENOENT);
  EXPECT_ERRNO(stat("/missing/file/below", &status), ENOTDIR);
  EXPECT(symlink("/missing/deep/er", "/work/link") == 0 && contents("/work/link/dir/file") != "");
  const int base = open("/missing", O_RDONLY | O_DIRECTORY);
  EXPECT(base >= 0 && fstatat(base, "deep/er/dir/file", &status, 0) == 0);
  EXPECT(rmdir("/missing/deep/er/dir") == -1);  // EBUSY, or EACCES or EROFS of its parent
}
