// Files of /proc that would show the host's names or the tracer: what a guest
// reads there is made up when it opens them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/ptrace/call_frame.h"
#include "fs/resolve.h"

namespace nestp {

/// True for a host path on procfs.
bool is_in_proc(std::string_view host);

/// Names of entries of directories of /proc that need more than the kernel.
std::span<const std::string_view> proc_names();
/// True if an entry of some directory of /proc with this name needs more than the kernel.
bool is_proc_name(std::string_view name);

/// readlink(2) of a magic link: answers with the guest's own name of the object.
/// False if the link is an ordinary one.
bool answer_proc_link(CallFrame& frame, const PathArg& argument, const Resolved& resolved);

/// The text that it would answer with, uncut; none: it cannot be read, or is an ordinary one.
std::optional<std::string> proc_link_text(CallFrame& frame, const Resolved& resolved);

/// open(2) of maps, mounts, status, ...: puts a file with the guest's version in
/// the path's place.  False if the file is shown as it is.
bool open_proc_content(CallFrame& frame, const PathArg& argument, const Resolved& resolved);

}  // namespace nestp
