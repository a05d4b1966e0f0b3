// Whose the files of a process in /proc are, when it has changed its ids.
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

#include "tests/guest/identity/table.h"

namespace {

void start_anew() {
  execl("/bin/table", "table", "own", nullptr);
  show("exec", outcome(-1));
}

}  // namespace

void show_own_files() {
  CALL(prctl(PR_GET_DUMPABLE));
  for (const char* path : {"/proc/self/.", "/proc/self/cwd", "/proc/self/exe", "/proc/self/fd",
                           "/proc/self/task", "/proc/self/status", "/proc/self/environ"})
    show_owner(path);
  OPEN(open("/proc/self/environ", O_RDONLY | O_CLOEXEC));
  OPEN(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CALL(access("/proc/self/fd", R_OK));
}

void table_of_own_files() {
  show_own_files();
  as(50, 51, {}, show_own_files);
  as(50, 51, {}, start_anew);
  apart([] {
    CALL(setfsuid(70));
    show_own_files();
    start_anew();
  });
  apart([] {
    CALL(setegid(51));
    show_own_files();
    CALL(prctl(PR_SET_DUMPABLE, 1));
    show_own_files();
    CALL(setegid(0));
    show_own_files();
  });
  apart([] {
    CALL(setresuid(50, 60, 70));
    CALL(prctl(PR_SET_DUMPABLE, 1));
    show_own_files();
    start_anew();
  });
  apart([] {
    CALL(prctl(PR_SET_DUMPABLE, 0));
    show_own_files();
    start_anew();
  });
  apart([] {
    CALL(setresuid(-1, -1, 50));
    show_own_files();
  });
}
