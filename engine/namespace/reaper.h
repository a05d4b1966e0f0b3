// The process between nestp and the guest: it outlives the first program, takes over orphans,
// and leaves none behind.
#pragma once

#include <functional>
#include <sys/types.h>

#include "engine/guest.h"
#include "fs/fd.h"

namespace nestp {

/// Prepares this process: orphans come to it, and nestp's death is noticed.
/// `own_processes`: it is number 1 of a process namespace.  `nestp`: process that it belongs to.
void become_reaper(bool own_processes, pid_t nestp);

/// Waits for `first`, calls `on_end` with its status as of waitpid(2), and does with the others
/// what `on_exit` says.  `proc`: descriptor of the host's /proc, to find descendants in.
void reap(pid_t first, OnExit on_exit, bool own_processes, const UniqueFd& proc,
          const std::function<void(int)>& on_end);

}  // namespace nestp
