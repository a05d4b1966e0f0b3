// For guest programs that mount: namespaces of their own, so that nothing of the machine changes.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "tests/support/guest_test.h"

inline bool write_text(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written =
      file >= 0 && write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return file >= 0 && close(file) == 0 && written;
}

/// Gives a process in a fresh user namespace the ids it had outside.  `directory`: its /proc/PID.
inline bool map_own_ids(uid_t user, gid_t group, const std::string& directory = "/proc/self") {
  const auto line = [](unsigned id) {
    return std::to_string(id) + " " + std::to_string(id) + " 1\n";
  };
  return write_text(directory + "/setgroups", "deny") &&
         write_text(directory + "/uid_map", line(user)) &&
         write_text(directory + "/gid_map", line(group));
}

/// False if the system does not let ordinary users have one.
inline bool enter_own_mounts() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  return map_own_ids(user, group) && mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

inline int pivot_root(const char* new_root, const char* put_old) {
  return static_cast<int>(syscall(SYS_pivot_root, new_root, put_old));
}

/// The options of the last mount at `target`, as /proc/self/mounts tells them; empty: none.
inline std::string mount_options(const std::string& target) {
  const std::string table = "\n" + contents("/proc/self/mounts");
  const std::size_t at = table.rfind(" " + target + " ");
  if (at == table.npos) return "";
  const std::size_t type = at + target.size() + 2;
  const std::size_t options = table.find(' ', type) + 1;
  return table.substr(type, options - type) +
         table.substr(options, table.find(' ', options) - options);
}
