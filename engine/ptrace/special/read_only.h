// What a read-only binding has to say to a call: EROFS, where the kernel's own
// order of errors lets it.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/ptrace/call_frame.h"
#include "fs/resolve.h"

namespace nestp {

/// `open_flags`: O_*, if the call opens a file.
/// None: the call may go on, or the kernel will refuse it for an earlier reason.
std::optional<Errno> refusal_of_read_only(CallFrame& frame, const PathArg& argument,
                                          const Resolved& resolved, std::uint64_t open_flags = 0);

/// statfs(2) of something on a read-only binding: shows ST_RDONLY.
void show_read_only(CallFrame& frame, const Resolved& resolved);

/// The binding that decides what may be done to the object of a path: behind a magic link
/// of /proc, that of what the link stands for.
const Binding* binding_of_object(const View& view, const PathArg& argument,
                                 const Resolved& resolved);

/// A call that changes the object of a descriptor (fchmod): EROFS if that lies on a
/// read-only binding.
std::optional<Errno> refusal_by_descriptor(CallFrame& frame, int descriptor);
/// The same of any call; none if it changes nothing by descriptor.
std::optional<Errno> refusal_by_descriptor(CallFrame& frame);

}  // namespace nestp
