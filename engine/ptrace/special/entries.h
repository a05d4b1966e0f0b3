// Calls that remove, rename or join directory entries: what mount points and
// the borders between bindings have to say, in the kernel's order of errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/ptrace/call_frame.h"
#include "fs/resolve.h"

namespace nestp {

/// Directory of an entry: the host path without its last component.
std::string parent_of(const std::string& host);

/// True for ".", ".." and "/", which the kernel refuses by itself and never acts upon.
bool ends_in_dots(const std::string& host);

/// The error that looking up the directory of an entry ends in, if it does.
std::optional<Errno> parent_error(const std::string& host);

/// The error that the first of two paths gives before the second is looked at.
std::optional<Errno> first_path_error(const PathArg& argument, const Resolved& resolved);

/// The binding that an entry itself lies in: of a mount point, the one below.
const Binding* binding_of_entry(const View& view, const Resolved& resolved);

/// rename(2) and its kin (fs/namei.c, do_renameat2).  `flags`: RENAME_*.
std::optional<Errno> refusal_of_rename(const View& view, const Resolved& from, const Resolved& to,
                                       std::uint64_t flags);
/// link(2) and linkat(2) (fs/namei.c, do_linkat).  `from_binding`: the object's own; null: unknown.
std::optional<Errno> refusal_of_link(const View& view, const Resolved& from,
                                     const Binding* from_binding, const Resolved& to);
/// The same calls with one path that starts at a directory without a name (deleted,
/// or outside the view): what a mount stands on cannot go there.
std::optional<Errno> refusal_of_mounted(const View& view, const Resolved& known, bool links);
/// unlink(2) and rmdir(2) of what a mount stands on.
std::optional<Errno> refusal_of_removal(const View& view, const Resolved& entry, bool of_directory);

}  // namespace nestp
