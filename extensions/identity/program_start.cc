#include "extensions/identity/program_start.h"

#include <cstring>
#include <sys/stat.h>

namespace nestp::identity {
namespace {

/// fs/exec.c, bprm_fill_uid.
void take_file_ids(Credentials& credentials, const OwnerRecord& owner) {
  if (owner.mode & S_ISUID) credentials.user.effective = owner.user;
  if ((owner.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
    credentials.group.effective = owner.group;
  }
}

}  // namespace

std::optional<FileCapabilities> parse_file_capabilities(std::string_view value) {
  // struct vfs_cap_data of <linux/capability.h>, little endian.
  constexpr std::uint32_t kRevisionMask = 0xff000000, kEffective = 1;
  const auto word = [&value](std::size_t index) {
    std::uint32_t number = 0;
    std::memcpy(&number, value.data() + index * sizeof number, sizeof number);
    return number;
  };
  if (value.size() < 12) return std::nullopt;
  const std::uint32_t magic = word(0);
  const std::uint32_t revision = (magic & kRevisionMask) >> 24;
  const std::size_t size = revision == 1 ? 12 : revision == 2 ? 20 : revision == 3 ? 24 : 0;
  if (size != value.size()) return std::nullopt;
  FileCapabilities found{.permitted = word(1), .inheritable = word(2)};
  found.effective = (magic & kEffective) != 0;
  if (revision > 1) {
    found.permitted |= std::uint64_t{word(3)} << 32;
    found.inheritable |= std::uint64_t{word(4)} << 32;
  }
  return found;
}

// security/commoncap.c, cap_bprm_creds_from_file.
bool start_program(Credentials& credentials, const ExecutedFile& program, bool no_privileges) {
  const Credentials before = credentials;
  if (!no_privileges) take_file_ids(credentials, program.owner);
  CapabilitySets& sets = credentials.capabilities;
  const bool root_matters = !(credentials.secure_bits & kNoRoot);
  const bool effective_root = credentials.user.effective == 0;
  const bool real_root = credentials.user.real == 0;

  const bool has_capabilities = program.capabilities.has_value() && !no_privileges;
  std::uint64_t permitted = 0;
  bool effective = false;
  if (has_capabilities) {
    permitted = (program.capabilities->permitted & sets.bounding) |
                (program.capabilities->inheritable & sets.inheritable);
    effective = program.capabilities->effective;
  }
  const bool file_rules = has_capabilities && !real_root && effective_root;
  if (root_matters && !file_rules) {
    if (effective_root || real_root) permitted = sets.bounding | sets.inheritable;
    if (effective_root) effective = true;
  }
  const bool is_set_id = credentials.user.effective != before.user.real ||
                         credentials.group.effective != before.group.real;
  if (has_capabilities || is_set_id) sets.ambient = 0;
  sets.permitted = permitted | sets.ambient;
  sets.effective = effective ? sets.permitted : sets.ambient;

  IdSet& user = credentials.user;
  IdSet& group = credentials.group;
  user.saved = user.file_system = user.effective;
  group.saved = group.file_system = group.effective;
  credentials.secure_bits &= ~kKeepCapabilities;
  const bool gained = (sets.permitted & ~sets.ambient) != 0;
  return is_set_id || (!(root_matters && real_root) && (effective || gained));
}

}  // namespace nestp::identity
