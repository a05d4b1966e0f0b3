// PR_SET_DUMPABLE 0 changes nothing for the process's own calls.
#include <fcntl.h>
#include <sys/prctl.h>

#include "tests/support/guest_test.h"

int main() {
  EXPECT(prctl(PR_GET_DUMPABLE) == 1 && prctl(PR_SET_DUMPABLE, 0) == 0);
  EXPECT(prctl(PR_GET_DUMPABLE) == 0);
  EXPECT(make_file("file", "text") && contents("file") == "text" && symlink("file", "link") == 0);
  EXPECT(link_target("link") == "file" && mkdir("d", 0700) == 0 && chdir("d") == 0);
  EXPECT(!working_directory().empty());
  EXPECT(exited_with(in_child([] { return access("../file", R_OK); }), 0));
  const int status = in_child([] { return execl("/bin/test/absent", "x", nullptr) == -1 ? 3 : 4; });
  EXPECT(exited_with(status, 3));
  EXPECT(prctl(PR_SET_DUMPABLE, 1) == 0 && link_target("../link") == "file");
}
