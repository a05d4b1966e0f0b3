// From a stop at a call to the code that decides it.
#pragma once

#include "engine/ptrace/call_frame.h"

namespace nestp {

/// Decides a call at its entry: extensions first, then what its row says.
void decide_entry(CallFrame& frame);

/// At the exit stop: the row's own work, then the extensions in reverse.
void decide_exit(CallFrame& frame);

}  // namespace nestp
