// An access control list as the attribute system.posix_acl_access holds it: acl(5).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace nestp::identity {

/// The permission bits that a list means for stat(2): its owner's, its mask's or its group's,
/// and the others'.  None: no list that the kernel would take.
std::optional<mode_t> mode_of_list(std::string_view list);

/// A list that says no more than permission bits can.
bool is_plain_list(std::string_view list);

/// The same list with these bits, as in a mode, for the owner of the file.
std::string with_owner_bits(std::string list, mode_t mode);

}  // namespace nestp::identity
