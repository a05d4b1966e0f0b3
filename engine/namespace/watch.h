// Whoever watches a guest from outside, as bubblewrap lets one: told of its start and end, waited
// for, its locks; and namespaces that it joins or that it must not make.
#pragma once

#include <sys/types.h>
#include <vector>

#include "arch/result.h"
#include "engine/isolation.h"
#include "fs/fd.h"

namespace nestp {

/// All descriptors that are the guest's watchers', or that it needs at its start.
std::vector<int> handed_descriptors(const Isolation& isolation);
/// None of them reaches the guest's programs.
void keep_from_programs(const Isolation& isolation);
/// In the process inside: what only the one outside uses, whose reader waits for all to close it.
void let_go_of_reports(const Watch& watch);

/// Enters `join.user` and `join.pid`; the latter counts for children.
Result<> join_namespaces(const Join& join);

/// "first" is the process that holds the guest's namespaces; `watch.info` is closed.
void tell_start(Watch& watch, pid_t first);
/// `status`: as of waitpid(2).
void tell_end(const Watch& watch, int status);

/// Returns when `descriptor` has a byte or is at its end; at once if it is negative.
void wait_for_byte(int descriptor);

/// Locks all of `watch.locks` for reading; they hold as long as the descriptors live.
Result<std::vector<UniqueFd>> take_locks(const Watch& watch);

/// No process of this user namespace can make one below it, unless it has CAP_SYS_RESOURCE.
/// `proc`: descriptor of /proc.
Result<> forbid_user_namespaces(const UniqueFd& proc);
/// Whether this process could; tried.
bool can_make_user_namespace();

}  // namespace nestp
