// What is remembered of a file: its owner, its mode, and what device it stands for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>

#include "extensions/identity/credentials.h"

namespace nestp::identity {

struct OwnerRecord {
  Id user = 0, group = 0;
  mode_t mode = 0;   ///< with the type of the file, S_IFMT
  dev_t device = 0;  ///< of a block or character device

  friend bool operator==(const OwnerRecord&, const OwnerRecord&) = default;
};

/// The value of the attribute `user.containers.override_stat`, as podman's storage and
/// fuse-overlayfs write and read it: "0:42:0640:file".
std::string override_text(const OwnerRecord& record);
/// The same backwards.  `host_mode`: type of the file, where the text names none.
std::optional<OwnerRecord> parse_override(std::string_view text, mode_t host_mode);

/// The value of `user.rootlesscontainers`, a protocol buffer of a user and a group id; the
/// mode is the host's.  Only read: it can hold no mode.
std::optional<OwnerRecord> parse_rootless(std::string_view bytes, const OwnerRecord& natural);

}  // namespace nestp::identity
