// A new thread: what it shares with the one that made it.
//
// The kernel tells of a child by a stop of its parent and one of its own.  Threads that the fast
// path's handler makes (gate::Birth) stop alone: their maker would otherwise wait for processors
// that its threads already keep busy.  Such a thread is unknown until its first stop, or until it
// matters (Loop::await_births); Thread::makes_unreported says of a thread that it may have such.
#pragma once

#include <cstdint>
#include <sys/types.h>

#include "engine/ptrace/thread.h"

namespace nestp {

/// CLONE_* bits of the call at whose end `parent` stands; `event` is the stop's PTRACE_EVENT_*.
std::uint64_t clone_flags(const Thread& parent, int event);

/// Fills a new thread's groups as clone(2) would.
void share_with_parent(Thread& child, const Thread& parent, std::uint64_t flags);

}  // namespace nestp
