// The requests of ptrace(2) that look at a stopped thread or change it: memory,
// registers, signals.  The kernel does them, asked by nestp, on bytes that are
// copied from and to the tracing guest, in its ABI.
#pragma once

#include <cstdint>

#include "arch/result.h"
#include "engine/ptrace/call_frame.h"

namespace nestp {

/// Result of ptrace(request, ptracee, address, data) as the system call gives it.
/// EIO: no such request.  Precondition: `ptracee` shows a stop to the frame's thread.
SysResult<std::int64_t> do_ptrace_request(CallFrame& frame, Thread& ptracee);

}  // namespace nestp
