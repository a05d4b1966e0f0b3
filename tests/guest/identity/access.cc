// Who may read, write, run, enter and remove what.
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>

#include "tests/guest/identity/table.h"

namespace {

/// Each mode as its owner, a member of its group, a stranger and root see it.
void try_modes() {
  for (const mode_t mode : {0U, 0400U, 0040U, 0004U, 0200U, 0020U, 0002U, 0100U, 0010U, 0001U,
                            0077U, 0707U, 0770U, 0644U}) {
    put("file", 50, 51, mode);
    const auto tries = [](const char* who) {
      std::string text;
      for (const int wish : {R_OK, W_OK, X_OK, R_OK | W_OK}) {
        text += access("file", wish) == 0 ? "y" : "n";
        text += faccessat(AT_FDCWD, "file", wish, AT_EACCESS) == 0 ? "y" : "n";
      }
      for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_PATH}) {
        const int file = open("file", flags | O_CLOEXEC);
        text += file < 0 ? " " + outcome(-1) : " ok";
        if (file >= 0) close(file);
      }
      show(who, text);
    };
    show("mode", std::to_string(mode));
    tries("root");
    as(50, 99, {}, [&] { tries("owner"); });
    as(60, 51, {}, [&] { tries("group"); });
    as(60, 99, {51}, [&] { tries("supplementary group"); });
    as(60, 99, {}, [&] { tries("stranger"); });
  }
}

void try_directories() {
  for (const mode_t mode : {0700U, 0600U, 0500U, 0300U, 0100U, 0070U, 0007U, 0755U}) {
    put_directory("dir", 50, 51, 0700);
    put("dir/inside", 50, 51, 0666);
    chmod("dir", mode);
    const auto tries = [](const char* who) {
      show("directory", who);
      struct stat status {};
      CALL(stat("dir/inside", &status));
      CALL(access("dir/inside", R_OK));
      OPEN(open("dir/inside", O_RDONLY | O_CLOEXEC));
      OPEN(open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      OPEN(open("dir/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      CALL(unlink("dir/new"));
      CALL(mkdir("dir/inside", 0700));
      CALL(unlink("dir/missing"));
      CALL(rename("dir/inside", "dir/moved"));
      CALL(rename("dir/moved", "dir/inside"));
      CALL(link("dir/inside", "dir/linked"));
      CALL(unlink("dir/linked"));
      CALL(symlink("x", "dir/link"));
      CALL(unlink("dir/link"));
      apart([] { CALL(chdir("dir")); });
      char text[16];
      CALL(readlink("dir/inside", text, sizeof text));
      CALL(utimensat(AT_FDCWD, "dir/inside", nullptr, 0));
      CALL(truncate("dir/inside", 0));
    };
    show("mode", std::to_string(mode));
    tries("root");
    as(50, 99, {}, [&] { tries("owner"); });
    as(60, 51, {}, [&] { tries("group"); });
    as(60, 99, {}, [&] { tries("stranger"); });
    unlink("dir/inside");
    rmdir("dir");
  }
}

void try_sticky() {
  put_directory("sticky", 70, 71, 01777);
  put("sticky/of50", 50, 51, 0666);
  put("sticky/of60", 60, 61, 0666);
  as(50, 51, {}, [] {
    CALL(unlink("sticky/of60"));
    CALL(rename("sticky/of60", "sticky/new"));
    CALL(rename("sticky/of50", "sticky/of60"));
    CALL(rename("sticky/of50", "sticky/new"));
    CALL(unlink("sticky/new"));
  });
  as(70, 71, {}, [] { CALL(unlink("sticky/of60")); });
  put("sticky/of60", 60, 61, 0666);
  CALL(unlink("sticky/of60"));
}

void try_real_ids() {
  put("secret", 0, 0, 0600);
  as(50, 51, {}, [] { CALL(access("secret", R_OK)); });
  apart([] {
    CALL(setresuid(50, 0, 0));
    CALL(access("secret", R_OK));
    CALL(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS));
    OPEN(open("secret", O_RDONLY | O_CLOEXEC));
  });
  apart([] {
    CALL(setresuid(0, 50, 0));
    CALL(access("secret", R_OK));
    CALL(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS));
    OPEN(open("secret", O_RDONLY | O_CLOEXEC));
  });
  apart([] {
    CALL(setfsuid(50));
    OPEN(open("secret", O_RDONLY | O_CLOEXEC));
  });
}

/// What has no name belongs to who made it.
void try_nameless() {
  as(50, 51, {}, [] {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    OPEN(open(path, O_RDONLY | O_CLOEXEC));
    struct stat status {};
    CALL(fstat(ends[0], &status));
    CALL(status.st_uid);
    CALL(status.st_gid);
    OPEN(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    OPEN(open("/proc/1/mem", O_RDONLY | O_CLOEXEC));
  });
}

void try_times() {
  put("timed", 50, 51, 0622);
  as(60, 61, {}, [] {
    CALL(utimensat(AT_FDCWD, "timed", nullptr, 0));
    const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 2, .tv_nsec = 0}};
    CALL(utimensat(AT_FDCWD, "timed", times, 0));
    CALL(utimensat(AT_FDCWD, "secret", nullptr, 0));
  });
  as(50, 51, {}, [] {
    const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 2, .tv_nsec = 0}};
    CALL(utimensat(AT_FDCWD, "timed", times, 0));
  });
}

/// A file in the place of a directory is told before anything is said of permissions.
void try_files_as_directories() {
  put("plain", 50, 51, 0600);
  put_directory("tree", 50, 51, 0700);
  const auto tries = [](const char* who) {
    show("a file as a directory", who);
    CALL(mkdir("plain/new", 0700));
    CALL(symlink("x", "plain/new"));
    CALL(mknod("plain/new", S_IFIFO | 0600, 0));
    CALL(unlink("plain/new"));
    CALL(rmdir("plain/new"));
    CALL(rename("plain/new", "other"));
    CALL(rename("plain", "plain/new"));
    CALL(link("plain", "plain/new"));
    CALL(link("plain/new", "other"));
    CALL(chdir("plain"));
    OPEN(open("plain/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    OPEN(open("plain", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    OPEN(open("plain", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
    OPEN(open("tree", O_WRONLY | O_CLOEXEC));
    OPEN(open("tree", O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
  };
  tries("root");
  as(50, 51, {}, [&] { tries("owner"); });
  as(60, 61, {}, [&] { tries("stranger"); });
}

/// Every directory that a path passes must be searched, also where a link or ".." leads out again.
void try_ways() {
  put_directory("way", 50, 51, 0755);
  put_directory("way/closed", 50, 51, 0700);
  put_directory("way/open", 50, 51, 0777);
  put("way/open/file", 50, 51, 0666);
  CALL(symlink("../open/file", "way/closed/link"));
  CALL(symlink("closed/link", "way/link"));
  const auto tries = [](const char* who) {
    show("ways", who);
    struct stat status {};
    char text[64];
    CALL(stat("way/link", &status));
    CALL(lstat("way/link", &status));
    CALL(lstat("way/closed/link", &status));
    CALL(stat("way/closed/../open", &status));
    CALL(stat("way/closed/missing", &status));
    CALL(stat("way/closed/.", &status));
    CALL(stat("way/closed/..", &status));
    CALL(stat("way/closed", &status));
    CALL(stat("way/open/file/x", &status));
    CALL(access("way/link", R_OK));
    CALL(readlink("way/closed/link", text, sizeof text));
    OPEN(open("way/link", O_RDONLY | O_CLOEXEC));
    OPEN(open("way/closed/../open/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    OPEN(openat(AT_FDCWD, "way/closed/x/y", O_RDONLY | O_CLOEXEC));
    CALL(unlink("way/closed/missing"));
    CALL(rename("way/closed/../open/new", "way/open/newer"));
    CALL(mkdir("way/closed/.", 0700));
    CALL(unlink("way/open/newer"));
  };
  tries("root");
  as(50, 51, {}, [&] { tries("owner"); });
  as(60, 61, {}, [&] { tries("stranger"); });
  apart([&] {
    CALL(setfsuid(60));
    tries("stranger for files");
  });
  apart([] {
    CALL(chdir("way/closed"));
    CALL(setresuid(60, 60, 60));
    struct stat status {};
    CALL(stat(".", &status));
    CALL(stat("..", &status));
    CALL(stat("link", &status));
    CALL(lstat("link", &status));
    CALL(lstat("missing", &status));
    CALL(mkdir("made", 0700));
    CALL(chdir(".."));
    OPEN(open("link", O_RDONLY | O_CLOEXEC));
  });
}

/// What the names stand for is told before it is asked who may.
void try_order_of_errors() {
  put_directory("order", 50, 51, 0755);
  put_directory("order/dir", 50, 51, 0755);
  put_directory("order/dir/sub", 50, 51, 0755);
  put("order/file", 50, 51, 0644);
  CALL(mknod("order/device", S_IFCHR | 0666, makedev(1, 5)));
  {
    // As install(1) and cp(1) see to it that they copy what they looked at.
    const int opened = open("order/device", O_RDONLY | O_CLOEXEC);
    struct stat by_name {
    }, by_descriptor{};
    CALL(stat("order/device", &by_name));
    CALL(fstat(opened, &by_descriptor));
    CALL(by_name.st_ino == by_descriptor.st_ino && by_name.st_dev == by_descriptor.st_dev);
    struct statx extended {};
    CALL(statx(AT_FDCWD, "order/device", 0, STATX_BASIC_STATS, &extended));
    CALL(extended.stx_ino == by_descriptor.st_ino);
    close(opened);
    // As cp(1) and tar(1) find files of several names.
    CALL(mknod("order/other", S_IFCHR | 0666, makedev(1, 5)));
    CALL(link("order/device", "order/name") == 0 && link("order/other", "order/other name") == 0);
    struct stat first {
    }, second{}, other{};
    CALL(stat("order/device", &first));
    CALL(stat("order/name", &second));
    CALL(stat("order/other", &other));
    CALL(first.st_ino == second.st_ino && first.st_ino != other.st_ino);
    CALL(unlink("order/name") == 0 && unlink("order/other name") == 0 &&
         unlink("order/other") == 0);
  }
  const auto tries = [](const char* who) {
    show("order of errors", who);
    CALL(rmdir("order/dir/."));
    CALL(rmdir("order/dir/.."));
    CALL(unlink("order/dir/."));
    CALL(unlink("order/dir/"));
    CALL(unlink("order/file/"));
    CALL(rename("order/dir/.", "order/x"));
    CALL(rename("order/dir", "order/dir/sub"));
    CALL(rename("order/dir/sub", "order/dir"));
    CALL(rename("order/file/", "order/x"));
    CALL(rename("order/file", "order/x/"));
    CALL(rename("order/file", "order/file"));
    CALL(rename("order/missing", "order/file"));
    CALL(renameat2(AT_FDCWD, "order/file", AT_FDCWD, "order/dir", RENAME_NOREPLACE));
    CALL(renameat2(AT_FDCWD, "order/file", AT_FDCWD, "order/x", RENAME_EXCHANGE));
    CALL(renameat2(AT_FDCWD, "order/file", AT_FDCWD, "order/dir", RENAME_EXCHANGE));
    CALL(renameat2(AT_FDCWD, "order/file", AT_FDCWD, "order/dir", RENAME_EXCHANGE));
    CALL(mkdir("order/dir", 0700));
    CALL(mkdir("order/dir/..", 0700));
    CALL(mkdir("order/x/y", 0700));
    CALL(symlink("y", "order/x/"));
    CALL(mknod("order/x/", S_IFIFO | 0600, 0));
    CALL(mknod("order/x/y", S_IFCHR | 0600, makedev(1, 3)));
    CALL(mknod("order/file", S_IFCHR | 0600, makedev(1, 3)));
    CALL(mknod("order/file/y", S_IFCHR | 0600, makedev(1, 3)));
    CALL(mknod("order/x/", S_IFCHR | 0600, makedev(1, 3)));
    CALL(mknod("order/x", S_IFCHR | 0600, makedev(1, 3)));
    CALL(unlink("order/x"));
    CALL(truncate("order/dir", 0));
    CALL(truncate("order/device", 0));
    CALL(link("order/dir", "order/x"));
    CALL(link("order/file", "order/dir"));
    CALL(link("order/file", "order/x/"));
    OPEN(open("order/x/", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  };
  tries("root");
  as(50, 51, {}, [&] { tries("owner"); });
  as(60, 61, {}, [&] { tries("stranger"); });
}

/// A directory that gets another parent is written to, and whoever links a file must own it where
/// the host protects links.
void try_moved_and_linked() {
  put_directory("from", 60, 61, 0777);
  put_directory("to", 60, 61, 0777);
  put_directory("from/dir", 50, 51, 0755);
  put("from/mine", 60, 61, 0600);
  put("from/readable", 50, 51, 0644);
  put("from/writable", 50, 51, 0666);
  put("from/special", 50, 51, 04666);
  put("from/lent", 50, 51, 02676);
  as(60, 61, {}, [] {
    CALL(rename("from/dir", "to/dir"));
    CALL(rename("from/dir", "from/other"));
    CALL(rename("from/other", "from/dir"));
    CALL(renameat2(AT_FDCWD, "from/mine", AT_FDCWD, "to/mine", 0));
    CALL(renameat2(AT_FDCWD, "to/mine", AT_FDCWD, "from/dir", RENAME_EXCHANGE));
    for (const char* name : {"from/readable", "from/writable", "from/special", "from/lent"}) {
      show("link of", name);
      CALL(link(name, "to/linked"));
      CALL(unlink("to/linked"));
    }
    CALL(link("to/mine", "to/linked"));
  });
}

}  // namespace

void table_of_access() {
  try_modes();
  try_directories();
  try_sticky();
  try_real_ids();
  try_times();
  try_nameless();
  try_files_as_directories();
  try_ways();
  try_order_of_errors();
  try_moved_and_linked();
}
