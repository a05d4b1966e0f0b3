// Lists of owners as other programs write and read them: fakeroot's saved state, and mtree(5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "extensions/identity/owner_record.h"

namespace nestp::identity {

/// One line of a list.
struct OwnerEntry {
  std::string path{};    ///< below the root file system, "./bin/sh"; mtree only
  dev_t device = 0;      ///< of the file system; fakeroot only
  ino_t inode = 0;       ///< likewise
  nlink_t links = 1;     ///< likewise
  std::string target{};  ///< of a symlink; mtree only
  OwnerRecord record{};
};

/// "dev=fe00,ino=12,mode=100644,uid=0,gid=42,nlink=1,rdev=0" and the end of the line.
std::string fakeroot_line(const OwnerEntry& entry);
/// None: no such line.
std::optional<OwnerEntry> parse_fakeroot(std::string_view line);

/// "./etc/shadow type=file uid=0 gid=42 mode=0640" and the end of the line.
std::string mtree_line(const OwnerEntry& entry);
/// `line`: without its end.  None: a comment, a blank line, or no line that names a path
/// with a slash and its type, uid, gid and mode.
std::optional<OwnerEntry> parse_mtree(std::string_view line);

}  // namespace nestp::identity
