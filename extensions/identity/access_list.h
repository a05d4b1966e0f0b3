// An access control list as the attribute system.posix_acl_access holds it: acl(5).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "extensions/identity/credentials.h"

namespace nestp::identity {

/// The permission bits that a list means for stat(2): its owner's, its mask's or its group's,
/// and the others'.  None: no list that the kernel would take.
std::optional<mode_t> mode_of_list(std::string_view list);

/// A list that says no more than permission bits can.
bool is_plain_list(std::string_view list);

/// What the list grants somebody who is not the file's owner, as the last three bits of a mode:
/// `wish` if one line grants all of it (fs/posix_acl.c, posix_acl_permission).
unsigned bits_by_list(std::string_view list, const Credentials& who, Id group, unsigned wish);

/// The same list with these bits, as in a mode, for the owner of the file.
std::string with_owner_bits(std::string list, mode_t mode);

}  // namespace nestp::identity
