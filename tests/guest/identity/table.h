// Lines that real root in a chroot and a fake one must print alike: what was called, and what came
// of it.  Nothing here knows what is right; identity.sh compares.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <grp.h>
#include <string>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

inline std::string outcome(long result) {
  return result == -1 ? strerrorname_np(errno) : std::to_string(result);
}

inline void show(const char* what, const std::string& value) {
  dprintf(1, "%s = %s\n", what, value.c_str());
}

/// The words of the call, and its result or the name of its errno.
#define CALL(call)                                       \
  do {                                                   \
    errno = 0;                                           \
    const long result_of_call = static_cast<long>(call); \
    show(#call, outcome(result_of_call));                \
  } while (0)

/// Likewise of a call that gives a descriptor.
#define OPEN(call)                                    \
  do {                                                \
    errno = 0;                                        \
    const int opened = (call);                        \
    show(#call, opened < 0 ? outcome(-1) : "opened"); \
    if (opened >= 0) close(opened);                   \
  } while (0)

/// Owner, group, mode and device of a file.
inline std::string owner(const char* path) {
  struct stat status {};
  if (lstat(path, &status) != 0) return outcome(-1);
  char text[128];
  std::snprintf(text, sizeof text, "%u:%u %06o", status.st_uid, status.st_gid, status.st_mode);
  std::string all = text;
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
    all +=
        " " + std::to_string(major(status.st_rdev)) + "," + std::to_string(minor(status.st_rdev));
  }
  return all;
}

inline void show_owner(const char* path) { show(path, owner(path)); }

/// Makes a file with this owner and mode, whatever was there.
inline void put(const char* path, uid_t user, gid_t group, mode_t mode) {
  unlink(path);
  std::FILE* file = std::fopen(path, "we");
  if (file == nullptr || std::fputs("text\n", file) < 0 || std::fclose(file) != 0 ||
      chown(path, user, group) != 0 || chmod(path, mode) != 0) {
    show(path, "cannot be made");
  }
}

inline void put_directory(const char* path, uid_t user, gid_t group, mode_t mode) {
  if (mkdir(path, 0700) != 0 || chown(path, user, group) != 0 || chmod(path, mode) != 0) {
    show(path, "cannot be made");
  }
}

/// In a child with these ids.
inline void as(uid_t user, gid_t group, const std::vector<gid_t>& groups,
               const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(groups.size(), groups.data()) != 0 || setresgid(group, group, group) != 0 ||
        setresuid(user, user, user) != 0) {
      show("as", "cannot become another user");
    }
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) show("child", "ended by " + std::to_string(status));
}

/// In a child, so that what it does to its own ids ends with it.
inline void apart(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) show("child", "ended by " + std::to_string(status));
}

void table_of_ids();
void table_of_owners();
void table_of_access();
void table_of_new_files();
void table_of_listings();
void table_of_ways();
void table_of_attributes();
/// What was just seen to be without any may get one from somebody else: before there are records.
void table_of_attributes_of_others();
void table_of_processes();
void table_of_sockets();
void table_of_own_files();
/// Whose a process's own files in /proc are.
void show_own_files();
