// The namespaces a guest makes, and what it may do in them.
//
// No user namespace is made for real: many systems forbid them, and the tracer
// would lose its access.  A guest that makes one keeps its ids, and nestp keeps
// the promise of its privileges for mounts and roots, which are nestp's own
// anyway.  Process ids are not renumbered.
#pragma once

#include "engine/ptrace/call_frame.h"
#include "fs/resolve.h"

namespace nestp {

enum class Capability : std::uint8_t {
  change_root = 18,  ///< CAP_SYS_CHROOT
  administer = 21,   ///< CAP_SYS_ADMIN
};

/// True if the thread has the capability over its own view: as root, or in a user
/// namespace it made.
bool has_capability(const Thread& thread, Capability capability);

/// The tracer's stand-in for uid_map, gid_map or setgroups of a process in a user
/// namespace that it made; -1 if `host` is no such file.
int identity_file(CallFrame& frame, const std::string& host, bool writes);

/// Lets sendto(2) set up a network interface of a promised network namespace:
/// the kernel acknowledges, and does nothing.  False if the call does no such thing.
bool acknowledge_network_change(CallFrame& frame);

/// Gives a process namespaces of its own.  `flags`: CLONE_NEW*.
void enter_namespaces(Thread& thread, std::uint64_t flags);

/// At a birth: what the child has of its parent, and what the clone(2) asked for besides.
void begin_namespaces(Thread& child, const Thread& parent);

/// At an exec: privileges of a user namespace in which the thread is not root end.
void end_privileges(Thread& thread);

}  // namespace nestp
