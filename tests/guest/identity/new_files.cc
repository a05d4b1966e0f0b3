// Whose a new file is, and what device nodes look like.
#include <cstddef>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/guest/identity/table.h"

namespace {

void bind_socket(const char* name) {
  const int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, name);
  CALL(bind(file, reinterpret_cast<sockaddr*>(&address), sizeof address));
  close(file);
}

void make_all(const std::string& directory) {
  if (chdir(directory.c_str()) != 0) show("chdir", outcome(-1));
  OPEN(open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  OPEN(open("closed", O_WRONLY | O_CREAT | O_CLOEXEC, 0));
  OPEN(open("set", O_WRONLY | O_CREAT | O_CLOEXEC, 06777));
  OPEN(creat("created", 0640));  // NOLINT(android-cloexec-creat): it is tried, too
  CALL(mkdir("directory", 0777));
  CALL(mkdir("locked", 0));
  CALL(symlink("file", "link"));
  CALL(mkfifo("pipe", 0666));
  CALL(mknod("regular", S_IFREG | 0600, 0));
  CALL(mknod("device", S_IFCHR | 0666, makedev(1, 3)));
  CALL(mknod("block", S_IFBLK | 0600, makedev(259, 70000)));
  bind_socket("socket");
  CALL(link("file", "hard"));
  const int unnamed = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  struct stat status {};
  if (unnamed >= 0 && fstat(unnamed, &status) == 0) {
    show("unnamed", std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid));
  }
  close(unnamed);
  for (const char* name : {"file", "closed", "set", "created", "directory", "locked", "link",
                           "pipe", "regular", "device", "block", "socket", "hard"}) {
    show_owner(name);
  }
}

void remove_all(const std::string& directory) {
  for (const char* name : {"file", "closed", "set", "created", "link", "pipe", "regular", "device",
                           "block", "socket", "hard"}) {
    (void)unlink((directory + "/" + name).c_str());  // some could not be made
  }
  (void)rmdir((directory + "/directory").c_str());
  (void)rmdir((directory + "/locked").c_str());
}

void in_directory(const char* what, gid_t group, mode_t mode) {
  show("directory", what);
  put_directory("place", 0, group, mode);
  for (const uid_t user : {0U, 50U}) {
    show("user", std::to_string(user));
    as(user, user == 0 ? 0 : 51, {}, [] { make_all("place"); });
    remove_all("place");
  }
  apart([] {
    CALL(setegid(77));
    make_all("place");
  });
  remove_all("place");
  CALL(rmdir("place"));
}

void use_devices() {
  CALL(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
  const int null = open("null", O_RDWR | O_CLOEXEC);
  char byte = 0;
  CALL(write(null, "x", 1));
  CALL(read(null, &byte, 1));
  close(null);
  CALL(chown("null", 33, 34));
  CALL(chmod("null", 0600));
  show_owner("null");
  CALL(rename("null", "moved"));
  show_owner("moved");
  CALL(unlink("moved"));
  show_owner("moved");
  put("moved", 0, 0, 0644);
  show_owner("moved");
  CALL(mknod("nothing", S_IFCHR | 0666, makedev(240, 77)));
  OPEN(open("nothing", O_RDWR | O_CLOEXEC));
  CALL(mknod("nothing", S_IFCHR | 0666, makedev(1, 3)));
  CALL(mknod("strange", S_IFDIR | 0666, 0));
}

void masks() {
  for (const mode_t mask : {0U, 077U, 0777U, 0200U}) {
    umask(mask);
    OPEN(open("masked", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    CALL(mkdir("masked_directory", 0777));
    CALL(mknod("masked_device", S_IFCHR | 0666, makedev(1, 5)));
    for (const char* name : {"masked", "masked_directory", "masked_device"})
      show_owner(name);
    unlink("masked");
    unlink("masked_device");
    rmdir("masked_directory");
  }
  umask(022);
}

/// What is made with a mask that takes its owner's own bits is root's to use all the same.
void use_masked() {
  for (const mode_t mask : {0700U, 0777U, 0300U, 0100U}) {
    show("mask", std::to_string(mask));
    umask(mask);
    const int file = open("masked", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    CALL(write(file, "text", 4));
    CALL(fchmod(file, 0600 & ~mask));
    close(file);
    OPEN(open("masked", O_RDWR | O_CLOEXEC));
    CALL(access("masked", R_OK | W_OK));
    CALL(truncate("masked", 1));
    CALL(mkdir("masked_directory", 0777));
    CALL(mkdirat(AT_FDCWD, "masked_directory/in", 0755));
    OPEN(open("masked_directory/in/file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    OPEN(open("masked_directory/in/file", O_RDONLY | O_CLOEXEC));
    CALL(mknod("masked_directory/in/regular", S_IFREG | 0644, 0));
    CALL(mkfifo("masked_directory/in/pipe", 0644));
    CALL(symlink("file", "masked_directory/in/link"));
    bind_socket("masked_directory/in/socket");
    CALL(rename("masked_directory/in/file", "masked_directory/file"));
    CALL(access("masked_directory/in/link", F_OK));
    OPEN(open("masked_directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    CALL(chdir("masked_directory/in"));
    CALL(chdir("../.."));
    for (const char* name :
         {"masked", "masked_directory", "masked_directory/in", "masked_directory/file",
          "masked_directory/in/regular", "masked_directory/in/pipe", "masked_directory/in/link",
          "masked_directory/in/socket"})
      show_owner(name);
    as(50, 51, {}, [] {
      show_owner("masked_directory/file");
      OPEN(open("masked_directory/file", O_RDONLY | O_CLOEXEC));
    });
    for (const char* name :
         {"masked", "masked_directory/file", "masked_directory/in/regular",
          "masked_directory/in/pipe", "masked_directory/in/link", "masked_directory/in/socket"})
      CALL(unlink(name));
    CALL(rmdir("masked_directory/in"));
    CALL(rmdir("masked_directory"));
  }
  umask(022);
}

}  // namespace

void table_of_new_files() {
  in_directory("open to all", 0, 0777);
  in_directory("with set-group-ID", 42, 02777);
  in_directory("of root alone", 0, 0755);
  use_devices();
  masks();
  use_masked();
}
