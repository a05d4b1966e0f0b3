// mount(2) and its relatives by descriptor, so that no path of the guest's tree is walked by the
// kernel on its own.  Uses the newer calls where the kernel has them.
#pragma once

#include <cstdint>
#include <string>

#include "arch/result.h"
#include "fs/fd.h"

namespace nestp::mount_call {

/// A copy of the mount at `path` relative to `directory`, not attached anywhere; ENOSYS where
/// the kernel cannot.  The last link is not followed.
SysResult<UniqueFd> clone_tree(int directory, const std::string& path, bool recursive);

/// Attaches a copy made by clone_tree on what `place` (O_PATH) is.
SysResult<> attach(const UniqueFd& tree, const UniqueFd& place);

/// bind mount by descriptors, for kernels without the above.
SysResult<> bind(const UniqueFd& source, const UniqueFd& place, bool recursive);

/// mount(2) of a new file system on what `place` is.
SysResult<> file_system(const std::string& type, const UniqueFd& place, std::uint64_t flags,
                        const std::string& data, const std::string& source);

/// Adds MS_* bits to the mount whose root `place` is, and keeps those it has.
SysResult<> add_flags(const UniqueFd& place, std::uint64_t flags);
/// The same for each mount below it, too; those that the kernel has locked may refuse.
SysResult<> add_flags_below(const UniqueFd& place, const std::string& path, std::uint64_t flags);

/// Nothing that is mounted from now on in this mount namespace reaches another.
SysResult<> receive_only();

/// The present directory becomes the root, the old one goes.
SysResult<> pivot_here();

/// "/proc/self/fd/N".
std::string name_of(const UniqueFd& fd);

}  // namespace nestp::mount_call
