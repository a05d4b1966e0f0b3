// A new thread: what it shares with the one that made it.
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
