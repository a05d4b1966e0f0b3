// Root's ways: over relative links, into directories that nobody may enter, and beside others.
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/xattr.h>
#include <thread>

#include "tests/guest/identity/table.h"

namespace {

void over_relative_links() {
  struct stat status;
  char value[64];
  put("target", 5, 6, 0640);
  CALL(symlink("target", "relative"));
  CALL(setxattr("target", "security.a", "value", 5, 0));
  for (int round = 0; round < 4; ++round) {
    for (const char* path : {"relative", "./relative"}) {
      CALL(stat(path, &status));
      show(path, std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid));
      CALL(access(path, R_OK));
      CALL(getxattr(path, "security.a", value, sizeof value));
      CALL(chown(path, 7, 8));
      show_owner("target");
      CALL(chown(path, 0, 0));
      show_owner("target");
      CALL(chmod(path, 0604));
      show_owner("target");
      CALL(chown(path, 5, 6));
      show_owner("target");
      show_owner("relative");
    }
  }
}

void into_closed_directories() {
  for (const mode_t mode : {0600, 0400, 0200, 0644, 0}) {
    show("mode", std::to_string(mode));
    CALL(mkdir("closed_way", mode));
    put("goes", 0, 0, 0644);
    CALL(rename("goes", "closed_way/came"));
    CALL(link("closed_way/came", "came_too"));
    CALL(link("came_too", "closed_way/again"));
    const int directory = open("closed_way", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OPEN(openat(directory, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CALL(faccessat(directory, "absent", F_OK, 0));
    CALL(unlinkat(directory, "new", 0));
    close(directory);
    CALL(unlink("closed_way/came"));
    CALL(unlink("closed_way/again"));
    CALL(unlink("came_too"));
    show_owner("closed_way");
    CALL(rmdir("closed_way"));
  }
}

void set_ids_of_new_files() {
  umask(0);
  for (const int mode : {04755, 02755, 06711, 02644}) {
    const int file = open("set_anew", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
    show_owner("set_anew");
    CALL(write(file, "text", 4));
    close(file);
    show_owner("set_anew");
    CALL(unlink("set_anew"));
  }
  umask(022);
  put("set_before", 33, 34, 04755);
  as(50, 51, {}, [] { CALL(chown("set_before", -1, -1)); });
  show_owner("set_before");
  as(33, 51, {}, [] { CALL(chown("set_before", -1, -1)); });
  show_owner("set_before");
}

/// One gives the file away while another changes its mode: both count.
void beside_others() {
  int lost = 0;
  for (int round = 0; round < 300; ++round) {
    put("shared", 0, 0, 0644);
    std::thread other([] { (void)!chown("shared", 5, 5); });
    (void)chmod("shared", 0600);
    other.join();
    struct stat status {};
    if (stat("shared", &status) != 0 || status.st_uid != 5 || (status.st_mode & 07777) != 0600) {
      ++lost;
    }
    unlink("shared");
  }
  show("changes lost", std::to_string(lost));
}

/// From a removed directory, for somebody who may not search it, and who once might.
void out_of_removed_directory(mode_t mode) {
  show("mode", std::to_string(mode));
  CALL(mkdir("removed", 0755));
  put("beside", 0, 0, 0666);
  CALL(chdir("removed"));
  const int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CALL(fchmod(here, mode));
  CALL(rmdir("../removed"));
  const auto go = [] {
    struct stat status {};
    CALL(stat("..", &status));
    CALL(stat("../beside", &status));
    CALL(stat("/proc/self/cwd/../beside", &status));
    CALL(access("/proc/self/cwd/..", X_OK));
    CALL(access("/proc/self/cwd/x/..", X_OK));
    CALL(lsetxattr("../beside", "security.storm", "1", 1, 0));
    CALL(lremovexattr("../beside", "security.storm"));
    CALL(rename("../beside", "../besides"));
    CALL(rename("../besides", "../beside"));
    CALL(mknod("node", S_IFCHR | 0600, makedev(1, 3)));
    CALL(mkdir("directory", 0700));
  };
  apart(go);
  as(50, 51, {}, go);
  apart([&go] {
    setfsuid(70);
    setfsgid(71);
    go();
  });
  close(here);
  CALL(chdir(".."));
  CALL(unlink("beside"));
}

}  // namespace

void table_of_ways() {
  over_relative_links();
  into_closed_directories();
  set_ids_of_new_files();
  beside_others();
  out_of_removed_directory(0755);
  out_of_removed_directory(0700);
}
