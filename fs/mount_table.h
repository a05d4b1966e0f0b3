// The mount tables that a guest reads in /proc: its own view, not the host's.
//
// Each visible binding is a mount; host mounts below a binding show through, as
// below a recursive bind mount.  Types, sources, options and device numbers
// are the host's, for statfs(2) and stat(2) tell the same ones.
#pragma once

#include <string>
#include <string_view>

#include "fs/path.h"
#include "fs/proc_links.h"
#include "fs/view.h"

namespace nestp {

/// Text of /proc/PID/mounts, mountinfo or mountstats, as `format` says.
///
/// `root`: the asking thread's root directory; what lies outside is left out.
/// `host_mountinfo`: /proc/self/mountinfo as nestp itself reads it.
std::string mount_table(ProcText format, const View& view, const GuestPath& root,
                        std::string_view host_mountinfo);

}  // namespace nestp
