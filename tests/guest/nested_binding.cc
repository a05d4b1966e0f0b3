// Of several bindings that contain a path the deepest decides.
#include <fcntl.h>

#include "tests/support/guest_test.h"

int main() {
  struct stat status;
  EXPECT(contents("/bind/dir/nested/file") == "of the nested directory\n");
  EXPECT(contents("/bind/dir/nested/../file") == "of the directory\n");
  EXPECT(chdir("/bind/dir/nested") == 0 && working_directory() == "/bind/dir/nested");
  EXPECT(contents("../file") == "of the directory\n" &&
         contents("file") == "of the nested directory\n");
  EXPECT(make_file("new", "text") && contents("/bind/dir/nested/new") == "text");
  // The other name of the outer directory does not have the nested one on it.
  EXPECT_ERRNO(stat("/bind/again/nested/new", &status), ENOENT);
  EXPECT(stat("/bind/again/nested", &status) == 0 && S_ISDIR(status.st_mode));

  const int outer = open("/bind/dir", O_RDONLY | O_DIRECTORY);
  EXPECT(fstatat(outer, "nested/new", &status, 0) == 0 && status.st_size == 4);
  const int inner = openat(outer, "nested", O_RDONLY | O_DIRECTORY);
  EXPECT(fchdir(inner) == 0 && working_directory() == "/bind/dir/nested");
  EXPECT(fstatat(inner, "../file", &status, 0) == 0 && status.st_size == 17);
  EXPECT(chdir("/bind") == 0 && contents("dir/nested/new") == "text");
  EXPECT(chdir("dir") == 0 && contents("nested/new") == "text" && chdir("nested") == 0);
  EXPECT(working_directory() == "/bind/dir/nested");
  EXPECT(chdir("..") == 0 && working_directory() == "/bind/dir");
}
