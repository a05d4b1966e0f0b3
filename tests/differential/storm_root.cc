// What root alone does, and what it does as somebody else for a while.
#include <algorithm>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

#include "tests/differential/storm.h"

namespace {

constexpr std::array<uid_t, 5> kUsers = {0, 50, 50, 60, static_cast<uid_t>(-1)};
constexpr std::array<gid_t, 5> kGroups = {0, 51, 51, 61, static_cast<gid_t>(-1)};

constexpr std::array<mode_t, 20> kModes = {0755,  0644,  0700,  0600,  0000,  0444,  0111,
                                           0070,  0007,  0070,  01777, 01770, 02775, 02755,
                                           02644, 04755, 04644, 06755, 07777, 02070};

std::string octal(mode_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%o", mode);
  return text;
}

std::string slot_name(std::size_t slot) { return "[" + std::to_string(slot) + "]"; }

constexpr std::array<const char*, 8> kAttributes = {
    "user.storm",     "user.other",     "trusted.storm", "trusted.other",
    "security.storm", "security.other", "system.storm",  "user.",
};

/// Sorted; without the labels that a host may give to all files.
std::string shown_names(const char* names, ssize_t size) {
  std::vector<std::string> all;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(all.back().size()) + 1)
    all.emplace_back(names + at);
  std::sort(all.begin(), all.end());
  std::string text;
  for (const std::string& name : all) {
    if (name != "security.selinux") text += (text.empty() ? "" : " ") + name;
  }
  return text;
}

}  // namespace

void change_owner(Storm& storm) {
  const uid_t user = storm.random.of(kUsers);
  const gid_t group = storm.random.of(kGroups);
  const std::string ids =
      " " + std::to_string(static_cast<int>(user)) + ":" + std::to_string(static_cast<int>(group));
  const int base = storm.base();
  const std::string path = storm.path();
  const std::string arguments = storm.at_base() + shown(path) + ids;
  switch (storm.random.below(5)) {
    case 0: {
      const std::size_t slot = storm.random.below(storm.files.size());
      storm.report("fchown", slot_name(slot) + ids, fchown(storm.files[slot], user, group));
      break;
    }
    case 1:
      storm.report("lchown", arguments,
                   fchownat(base, path.c_str(), user, group, AT_SYMLINK_NOFOLLOW));
      break;
    case 2:
      storm.report("chown of base", storm.at_base() + ids,
                   fchownat(base, "", user, group, AT_EMPTY_PATH));
      break;
    default:
      storm.report("chown", arguments, fchownat(base, path.c_str(), user, group, 0));
  }
}

void change_mode(Storm& storm) {
  const mode_t mode = storm.random.of(kModes);
  const int base = storm.base();
  const std::string path = storm.path();
  if (storm.random.one_in(4)) {
    const std::size_t slot = storm.random.below(storm.files.size());
    storm.report("fchmod", slot_name(slot) + " " + octal(mode), fchmod(storm.files[slot], mode));
    return;
  }
  storm.report("chmod", storm.at_base() + shown(path) + " " + octal(mode),
               fchmodat(base, path.c_str(), mode, 0));
}

void make_device(Storm& storm) {
  struct Kind {
    mode_t type;
    unsigned major, minor;
  };
  // null, zero, and numbers that are left to local use: no driver has them.
  static constexpr std::array<Kind, 5> kKinds = {{
      {S_IFCHR, 1, 3},
      {S_IFCHR, 1, 5},
      {S_IFCHR, 240, 7},
      {S_IFBLK, 240, 7},
      {S_IFBLK, 0xabc, 0x12345},
  }};
  const Kind& kind = storm.random.of(kKinds);
  const mode_t mode = kind.type | storm.random.of(kModes);
  const int base = storm.base();
  const std::string path = storm.path();
  storm.report("mknod", storm.at_base() + shown(path) + " " + octal(mode),
               mknodat(base, path.c_str(), mode, makedev(kind.major, kind.minor)));
}

void use_root_attributes(Storm& storm) {
  static constexpr std::array<int, 4> kFlags = {0, 0, XATTR_CREATE, XATTR_REPLACE};
  const char* name = storm.random.of(kAttributes);
  const std::string path = storm.path();
  const std::size_t slot = storm.random.below(storm.files.size());
  const int file = storm.files[slot];
  const int flags = storm.random.of(kFlags);
  const std::string text = "value " + std::to_string(storm.number);
  const std::string arguments = shown(path) + " " + name;
  const std::string of_slot = slot_name(slot) + " " + name;
  char value[64] = "";
  char names[1024];
  ssize_t size = -1;
  switch (storm.random.below(9)) {
    case 0:
    case 1:
      storm.report("setxattr", arguments + " " + std::to_string(flags),
                   setxattr(path.c_str(), name, text.data(), text.size(), flags));
      return;
    case 2:
      storm.report("lsetxattr", arguments + " " + std::to_string(flags),
                   lsetxattr(path.c_str(), name, text.data(), text.size(), flags));
      return;
    case 3:
      storm.report("fsetxattr", of_slot, fsetxattr(file, name, text.data(), text.size(), flags));
      return;
    case 4:
      storm.report("lremovexattr", arguments, lremovexattr(path.c_str(), name));
      return;
    case 5:
      size = storm.report("fgetxattr", of_slot, fgetxattr(file, name, value, sizeof value));
      break;
    case 6:
      size = storm.report(
          "lgetxattr", arguments,
          lgetxattr(path.c_str(), name, value, storm.random.one_in(4) ? 4 : sizeof value));
      break;
    case 7:
      size = storm.random.one_in(2) ? llistxattr(path.c_str(), names, sizeof names)
                                    : listxattr(path.c_str(), names, sizeof names);
      storm.report("listxattr", shown(path), size < 0 ? -1 : 0);
      if (size > 0) storm.say(shown_names(names, size));
      return;
    default:
      size = flistxattr(file, names, sizeof names);
      storm.report("flistxattr", slot_name(slot), size < 0 ? -1 : 0);
      if (size > 0) storm.say(shown_names(names, size));
      return;
  }
  if (size > 0) storm.say(std::string(value, static_cast<std::size_t>(size)));
}

void ask_access(Storm& storm) {
  const int wish = static_cast<int>(storm.random.below(8));
  const int flags = (storm.random.one_in(2) ? AT_EACCESS : 0) |
                    (storm.random.one_in(4) ? AT_SYMLINK_NOFOLLOW : 0);
  const int base = storm.base();
  const std::string path = storm.path();
  storm.report("faccessat",
               storm.at_base() + shown(path) + " " + std::to_string(wish) + " flags " +
                   std::to_string(flags),
               faccessat(base, path.c_str(), wish, flags));
}

// ---- for a while ------------------------------------------------------------------

void become_somebody(Storm& storm) {
  struct Somebody {
    uid_t user;
    gid_t group;
    gid_t other;  ///< a supplementary group; 0: none
  };
  static constexpr std::array<Somebody, 5> kSomebodies = {{
      {50, 51, 0},
      {50, 99, 61},
      {60, 61, 0},
      {60, 99, 51},
      {70, 71, 0},
  }};
  const Somebody& who = storm.random.of(kSomebodies);
  const bool only_files = storm.random.one_in(2);
  storm.who = "as " + std::to_string(who.user) + ":" + std::to_string(who.group) +
              (only_files ? " for files " : " ");
  if (who.other != 0 && setgroups(1, &who.other) != 0) storm.who += "(no groups) ";
  if (only_files) {
    setfsgid(who.group);
    setfsuid(who.user);
  } else if (setegid(who.group) != 0 || seteuid(who.user) != 0) {
    storm.who += "(not allowed) ";
  }
}

void become_root(Storm& storm) {
  if (storm.who.empty()) return;
  storm.who.clear();
  setfsuid(0);
  setfsgid(0);
  if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(0, nullptr) != 0) storm.say("cannot be root");
}
