// What executing a file makes of credentials: set-user-ID, set-group-ID and file
// capabilities, execve(2) and capabilities(7).
#pragma once

#include <optional>
#include <string_view>

#include "extensions/identity/credentials.h"
#include "extensions/identity/owner_record.h"

namespace nestp::identity {

/// Value of the attribute security.capability.
struct FileCapabilities {
  std::uint64_t permitted = 0, inheritable = 0;
  bool effective = false;
};

/// None: no form of the value that the kernel would take.
std::optional<FileCapabilities> parse_file_capabilities(std::string_view value);

struct ExecutedFile {
  OwnerRecord owner;
  std::optional<FileCapabilities> capabilities;
};

/// Changes `credentials` as the kernel would at the exec of `program`.  True: AT_SECURE.
/// `no_privileges`: prctl(PR_SET_NO_NEW_PRIVS) by the guest.
bool start_program(Credentials& credentials, const ExecutedFile& program, bool no_privileges);

}  // namespace nestp::identity
