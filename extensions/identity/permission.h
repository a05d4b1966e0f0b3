// Whether credentials allow what a call wants of a file: path_resolution(7).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "extensions/identity/credentials.h"
#include "extensions/identity/owned_files.h"

namespace nestp::identity {

/// Bits of a wish, as access(2) has them.
inline constexpr unsigned kRead = 4, kWrite = 2, kExecute = 1;

/// fs/namei.c, generic_permission.  `list`: the file's access list; empty: it has none.
bool may_access(const Credentials& who, const OwnerRecord& file, unsigned wish,
                std::string_view list);
/// The same with the list that the file has.
bool may_access(const Credentials& who, const OwnedFile& file, unsigned wish);

/// The owner, or who may act as one.
bool may_own(const Credentials& who, const OwnerRecord& file);

/// A sticky directory protects `entry` from removal (fs/namei.c, check_sticky).
bool is_protected(const Credentials& who, const OwnerRecord& directory, const OwnerRecord& entry);

/// EACCES if a directory on the way to `host` may not be searched.  Components before
/// `skip` bytes are not the guest's.  None: no objection; the file may yet be missing.
std::optional<Errno> refusal_on_way(OwnedFiles& files, const Credentials& who,
                                    const std::string& host, std::size_t skip);

/// The directory that holds the entry `host`.
std::string without_slashes(const std::string& host);

/// The last component of `host` is no name but "." or "..": the kernel looks no further.
bool ends_in_dots(const std::string& host);

std::string directory_of(const std::string& host);

}  // namespace nestp::identity
